//! All behaviour once more, with `--transfer sendfile`.

#[path = "behaviour/main.rs"]
mod behaviour;
