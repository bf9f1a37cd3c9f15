//! The server as its clients meet it: the real program, real sockets, one file for each behaviour.

mod answers;
mod case;
mod command;
mod crowd;
mod deadlines;
mod ending;
mod hostile;
mod kept;
mod output;
mod overload;
mod parts;
mod requirements;
mod support;
