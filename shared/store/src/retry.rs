//! Trying again: what passes by itself is waited for, with full jitter.

use std::time::Duration;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use ring::rand::{SecureRandom, SystemRandom};
use tokio::time::Instant;

use crate::error::Cause;
use crate::{Error, Result};

/// How often a request is tried.
const TRIES: u32 = 10;
/// After this long no further try is begun: who asked still waits for the answer, and a function still has time to give it.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often a read-decide-write is tried.
const ROUNDS: u32 = 12;
/// The longest wait before the second try; doubles with each.
const FIRST_WAIT: Duration = Duration::from_millis(10);
/// The longest wait of all.
const LONGEST_WAIT: Duration = Duration::from_millis(640);

/// Random bytes for request tokens, names of audit items and jitter: nothing that the domain decides by.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .expect("the system has random bytes");
    bytes
}

/// The tries of one request.
pub(crate) struct Tries {
    made: u32,
    until: Instant,
}

impl Tries {
    pub(crate) fn begin() -> Self {
        Self {
            made: 0,
            until: Instant::now() + PATIENCE,
        }
    }

    /// One try has failed: waits for the next one. False when there is none.
    pub(crate) async fn again(&mut self) -> bool {
        self.made += 1;
        if self.made == TRIES || Instant::now() >= self.until {
            return false;
        }
        wait(self.made).await;
        true
    }
}

pub(crate) async fn retried<T, E, F>(mut send: impl FnMut() -> F) -> Result<T, SdkError<E>>
where
    E: ProvideErrorMetadata,
    F: Future<Output = Result<T, SdkError<E>>>,
{
    let mut tries = Tries::begin();
    loop {
        let done = send().await;
        let failed = done.as_ref().is_err_and(is_passing);
        if !failed || !tries.again().await {
            return done;
        }
    }
}

/// Tries a read-decide-write again while others keep changing what it read.
pub(crate) async fn unraced<T, F>(mut round: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let mut tries = 0;
    loop {
        match round().await {
            Err(Error::Raced) if tries + 1 < ROUNDS => {
                tries += 1;
                wait(tries).await;
            }
            done => return done,
        }
    }
}

async fn wait(tries: u32) {
    let longest = FIRST_WAIT.saturating_mul(1 << tries.min(16)).min(LONGEST_WAIT);
    let share = f64::from(u32::from_be_bytes(random())) / f64::from(u32::MAX);
    tokio::time::sleep(longest.mul_f64(share)).await;
}

/// Whether the same request may do better in a moment.
pub(crate) fn is_passing<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    match error {
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => true,
        SdkError::ServiceError(service) => {
            let passing = matches!(
                service.err().code(),
                Some(
                    "ProvisionedThroughputExceededException"
                        | "ThrottlingException"
                        | "RequestLimitExceeded"
                        | "InternalServerError"
                        | "TransactionConflictException"
                        | "TransactionInProgressException"
                        | "LimitExceededException"
                )
            );
            passing || service.raw().status().is_server_error()
        }
        _ => false,
    }
}

/// Whether the table may have done, or may still do, what it was asked: nobody heard that it did not.
pub(crate) fn is_unheard<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    match error {
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => true,
        SdkError::ServiceError(service) => {
            service.raw().status().is_server_error()
                || matches!(
                    service.err().code(),
                    Some("InternalServerError" | "TransactionInProgressException")
                )
        }
        _ => false,
    }
}

pub(crate) fn failed<E: ProvideErrorMetadata + std::error::Error + 'static>(error: &SdkError<E>) -> Error {
    if is_passing(error) {
        Error::Unavailable(Cause::of(error))
    } else {
        Error::Refused(Cause::of(error))
    }
}
