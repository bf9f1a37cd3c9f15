#!/usr/bin/env python3
"""Fails if the dashboard or the alert rules use a series that src/admin/metrics.rs does not export."""

import os
import re
import sys

FOLDER = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(FOLDER))
# What follows the name of a metric in the names of its series.
SUFFIXES = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_sum", "_count"]}


def text(*path):
    with open(os.path.join(*path), encoding="utf-8") as file:
        return file.read()


def main():
    metrics = text(ROOT, "src", "admin", "metrics.rs")
    kinds = re.findall(r'\.(counter|gauge|histogram)\(\s*"(reeld_\w+)"', metrics)
    series = {name + suffix for kind, name in kinds for suffix in SUFFIXES[kind]}
    for name in ("alerts.yml", "dashboard.json"):
        unknown = set(re.findall(r"\breeld_\w+", text(FOLDER, name))) - series
        if unknown:
            sys.exit(f"{name} asks for series that reeld does not have: {', '.join(sorted(unknown))}")


main()
