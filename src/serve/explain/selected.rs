//! How much of a resource is sent: conditions, ranges and the part policy.

use std::time::SystemTime;

use super::rule::Rule;
use crate::http::players;
use crate::http::precondition::{Verdict, evaluate_fields};
use crate::http::range::{Ignored, PartPolicy, Parts, RangeSpec, Selection};
use crate::http::response::{NoRange, requested_ranges};
use crate::http::{Request, Validators};
use crate::limits::RANGES_MAX;
use crate::site::Resource;

const CONDITIONS: [&str; 4] = ["if-match", "if-unmodified-since", "if-none-match", "if-modified-since"];

/// The rules that choose the bytes of a resource that is found.
pub(super) fn rules(request: &Request, found: &Resource, parts: &Parts, now: SystemTime) -> Vec<Rule> {
    let validators = &found.representation.validators;
    let mut rules = Vec::new();
    let (verdict, field) = evaluate_fields(request, validators, now);
    rules.push(("condition", condition(request, verdict, field, validators)));
    if verdict != Verdict::Proceed {
        return rules;
    }
    let wanted = requested_ranges(request, validators, now);
    let tag = validators.entity_tag();
    if request.fields.has("if-range") {
        rules.push(("if-range", match wanted {
            Err(NoRange::IfRange) => format!(
                "It is neither the entity tag {tag} nor the date of this version, at least two seconds old then, so \
                 Range is ignored."
            ),
            _ => "It names this version, so Range counts.".to_string(),
        }));
    }
    rules.push(("range", range(request, &wanted, validators.size())));
    let policy = if found.is_whole {
        format!("{}: not applied, as pages, covers, ?whole and ?download are sent whole.", parts.policy.name())
    } else {
        part_policy(request, parts, wanted.ok().as_deref(), validators.size())
    };
    rules.push(("part policy", policy));
    rules
}

fn condition(request: &Request, verdict: Verdict, field: Option<&str>, validators: &Validators) -> String {
    let tag = validators.entity_tag();
    match (field, verdict) {
        (None, _) if CONDITIONS.iter().any(|name| request.fields.has(name)) => {
            "A date is ignored unless it is one valid date, and what is sent has a date too.".into()
        }
        (None, _) => "The request has none.".into(),
        (Some("If-Match"), Verdict::Failed) => format!("If-Match does not name the entity tag {tag}, hence 412."),
        (Some("If-Match"), _) => "If-Match names this version.".into(),
        (Some("If-None-Match"), Verdict::NotModified) => {
            format!("If-None-Match names the entity tag {tag}, hence 304.")
        }
        (Some("If-None-Match"), _) => format!("If-None-Match does not name the entity tag {tag}."),
        (Some(field), Verdict::Failed) => format!("What is sent was modified after the date in {field}, hence 412."),
        (Some(field), Verdict::NotModified) => format!("It was not modified after the date in {field}, hence 304."),
        (Some("If-Modified-Since"), _) => "It was modified after the date in If-Modified-Since.".into(),
        (Some(field), _) => format!("It was not modified after the date in {field}."),
    }
}

fn range(request: &Request, wanted: &Result<Vec<RangeSpec>, NoRange>, total: u64) -> String {
    match wanted {
        Ok(wanted) => {
            let specs: Vec<String> = wanted.iter().map(spec).collect();
            let asked = format!("The request asks for {}", specs.join(", "));
            match Parts::WHOLE.select(Some(wanted), total) {
                Selection::Unsatisfiable => format!("{asked}; there are only {total}, hence 416."),
                Selection::Whole => format!("{asked}; an empty file is sent whole."),
                Selection::Part(_) if wanted.len() > 1 => {
                    format!("{asked}; there are {total}, and this is one range of them.")
                }
                Selection::Part(_) | Selection::Several(_) => format!("{asked}; there are {total}."),
            }
        }
        Err(NoRange::NotGet) => "Range is ignored unless the method is GET.".into(),
        Err(NoRange::NotOne) if request.fields.has("range") => "Several Range fields are ignored.".into(),
        Err(NoRange::NotOne) => "The request has none.".into(),
        Err(NoRange::IfRange) => "It is ignored, because of If-Range.".into(),
        Err(NoRange::Ignored(Ignored::OtherUnit)) => "It is ignored, because its unit is not bytes.".into(),
        Err(NoRange::Ignored(Ignored::Malformed)) => "It is ignored, because it is malformed.".into(),
        Err(NoRange::Ignored(Ignored::TooMany)) => {
            format!("It is ignored, because it has more than {RANGES_MAX} ranges.")
        }
    }
}

fn spec(spec: &RangeSpec) -> String {
    match spec {
        RangeSpec::FromTo(first, last) => format!("bytes {first} to {last}"),
        RangeSpec::From(first) => format!("bytes from {first} on"),
        RangeSpec::Suffix(length) => format!("the last {length} bytes"),
    }
}

/// Whether the part policy cuts the response, and why.
fn part_policy(request: &Request, parts: &Parts, wanted: Option<&[RangeSpec]>, total: u64) -> String {
    let size = parts.size;
    let is_cut = parts.for_request(request).select(wanted, total) != Parts::WHOLE.select(wanted, total);
    let is_open = wanted.is_some_and(|wanted| wanted.iter().any(|spec| matches!(spec, RangeSpec::From(_))));
    let player = players::player(request);
    let rule = match (parts.policy, player) {
        (PartPolicy::Never, _) => "nothing is cut".into(),
        (PartPolicy::Always, _) if is_cut => format!("every response is cut to one part of {size}"),
        (PartPolicy::OpenEnded, _) if is_cut => format!("a range without an end is cut to one part of {size}"),
        (PartPolicy::Players, Some(player)) if is_cut => {
            format!("the client is {player}, for which a range without an end is cut to one part of {size}")
        }
        (PartPolicy::Players, None) => {
            "the client is no media element or player known to ask for the next part, so nothing is cut".into()
        }
        (PartPolicy::OpenEnded | PartPolicy::Players, _) if !is_open => "only a range without an end is cut".into(),
        _ => format!("what is asked for is not more than one part of {size}"),
    };
    format!("{}: {rule}.", parts.policy.name())
}
