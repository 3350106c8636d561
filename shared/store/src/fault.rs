//! Faults at the SDK's HTTP layer, from a seed: throttling, transaction conflicts, and success that nobody hears of.
//!
//! What the table does under these is what it may do on AWS on a bad day. Wraps any HTTP client of the SDK.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_sdk_dynamodb::config::SharedHttpClient;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;

/// How many of 1,000 requests meet each fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// `ProvisionedThroughputExceededException`; the table did nothing.
    pub throttle: u16,
    /// A transaction is cancelled with `TransactionConflict`; the table did nothing. Other operations: none.
    pub conflict: u16,
    /// The table did it, and the connection times out before the answer.
    pub lost_answer: u16,
    /// The connection times out before the table hears of it.
    pub lost_request: u16,
}

/// Why a text says no rates.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be like throttle=30,conflict=30,lost_answer=20,lost_request=20, all together at most 1000")]
pub struct NoRates;

impl FromStr for Rates {
    type Err = NoRates;

    /// Reads `throttle=30,conflict=30,lost_answer=20,lost_request=20`; what is left out does not happen.
    fn from_str(text: &str) -> Result<Self, NoRates> {
        let mut rates = Self::default();
        for part in text.split(',') {
            let (name, number) = part.split_once('=').ok_or(NoRates)?;
            let rate = match name {
                "throttle" => &mut rates.throttle,
                "conflict" => &mut rates.conflict,
                "lost_answer" => &mut rates.lost_answer,
                "lost_request" => &mut rates.lost_request,
                _ => return Err(NoRates),
            };
            *rate = number.parse().ok().filter(|rate| *rate <= 1_000).ok_or(NoRates)?;
        }
        let all = rates.throttle + rates.conflict + rates.lost_answer + rates.lost_request;
        if all <= 1_000 { Ok(rates) } else { Err(NoRates) }
    }
}

/// Counts of what was injected.
#[derive(Debug, Default)]
pub struct Counts {
    /// Faults of any kind.
    pub faults: AtomicU64,
    /// Requests that came, with a fault or without.
    pub requests: AtomicU64,
}

/// An HTTP client that passes requests on to another, or spoils them.
#[derive(Clone, Debug)]
pub struct Faulty {
    inner: SharedHttpClient,
    dice: Dice,
}

impl Faulty {
    /// Over `inner`; the same seed and order of requests give the same faults.
    #[must_use]
    pub fn new(inner: SharedHttpClient, seed: u64, rates: Rates) -> Self {
        let state = Arc::new(AtomicU64::new(seed));
        Self {
            inner,
            dice: Dice {
                state,
                rates,
                counts: Arc::default(),
            },
        }
    }

    /// What was injected so far.
    #[must_use]
    pub fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.dice.counts)
    }
}

impl HttpClient for Faulty {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Connector {
            inner: self.inner.http_connector(settings, components),
            dice: self.dice.clone(),
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Throttle,
    Conflict,
    LostAnswer,
    LostRequest,
}

#[derive(Clone, Debug)]
struct Dice {
    state: Arc<AtomicU64>,
    rates: Rates,
    counts: Arc<Counts>,
}

impl Dice {
    fn roll(&self) -> Option<Fault> {
        self.counts.requests.fetch_add(1, Ordering::Relaxed);
        let number = u16::try_from(splitmix(self.state.fetch_add(1, Ordering::Relaxed)) % 1_000).expect("below 1,000");
        let mut below = 0;
        let faults = [
            (self.rates.throttle, Fault::Throttle),
            (self.rates.conflict, Fault::Conflict),
            (self.rates.lost_answer, Fault::LostAnswer),
            (self.rates.lost_request, Fault::LostRequest),
        ];
        let fault = faults.into_iter().find_map(|(rate, fault)| {
            below += rate;
            (number < below).then_some(fault)
        });
        if let Some(fault) = fault {
            self.counts.faults.fetch_add(1, Ordering::Relaxed);
            tracing::debug!(?fault, "injected");
        }
        fault
    }
}

/// A well-mixed number of each input (SplitMix64).
fn splitmix(input: u64) -> u64 {
    let mut z = input.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[derive(Debug)]
struct Connector {
    inner: SharedHttpConnector,
    dice: Dice,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let transaction = request
            .headers()
            .get("x-amz-target")
            .is_some_and(|target| target.ends_with(".TransactWriteItems"));
        let time_out = || ConnectorError::timeout("injected: no answer in time".into());
        match self.dice.roll() {
            Some(Fault::Throttle) => HttpConnectorFuture::ready(Ok(refusal(
                r#"{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"injected"}"#,
            ))),
            Some(Fault::Conflict) if transaction => HttpConnectorFuture::ready(Ok(refusal(
                r#"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","Message":"injected","CancellationReasons":[{"Code":"TransactionConflict","Message":"injected"}]}"#,
            ))),
            Some(Fault::LostRequest) => HttpConnectorFuture::ready(Err(time_out())),
            Some(Fault::LostAnswer) => {
                let done = self.inner.call(request);
                HttpConnectorFuture::new(async move {
                    done.await?;
                    Err(time_out())
                })
            }
            Some(Fault::Conflict) | None => self.inner.call(request),
        }
    }
}

fn refusal(body: &'static str) -> HttpResponse {
    let mut response = HttpResponse::new(400.try_into().expect("400 is a status"), SdkBody::from(body));
    response
        .headers_mut()
        .insert("content-type", "application/x-amz-json-1.0");
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_from_text() {
        let rates = Rates {
            throttle: 30,
            conflict: 0,
            lost_answer: 20,
            lost_request: 1_000 - 50,
        };
        assert_eq!("throttle=30,lost_answer=20,lost_request=950".parse(), Ok(rates));
        for text in [
            "",
            "throttle",
            "throttle=x",
            "other=1",
            "throttle=-1",
            "throttle=1001",
            "throttle=600,conflict=600",
        ] {
            assert_eq!(text.parse::<Rates>(), Err(NoRates), "{text}");
        }
    }
}
