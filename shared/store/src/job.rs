//! The form of a job: something that must be done after its cause, written in the same transaction as the cause.
