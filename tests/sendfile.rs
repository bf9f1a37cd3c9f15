//! The behaviour tests again, with `--transfer sendfile`.

#[path = "behaviour/main.rs"]
mod behaviour;
