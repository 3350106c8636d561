use std::sync::Mutex;

use axum::{Json, Router, body::Bytes, extract::State, http::StatusCode, response::IntoResponse as _, routing::post};
use domain::{
    error::ErrorBody,
    jws::SigningKey,
    quality::{Grade, Quality},
};
use tokio::net::TcpListener;

use super::*;

const LIMIT: Duration = Duration::from_secs(10);

/// A control plane that hears of nothing but quality.
#[derive(Default)]
struct Plane {
    heard: Mutex<Vec<QualityReport>>,
    /// What the next requests are refused with; none is kept then.
    refuse: Mutex<VecDeque<u16>>,
    requests: AtomicU64,
    /// Most requests that were there at once.
    at_once: Mutex<(u32, u32)>,
}

async fn quality(State(plane): State<Arc<Plane>>, body: Bytes) -> axum::response::Response {
    {
        let mut at_once = plane.at_once.lock().expect("unpoisoned");
        at_once.0 += 1;
        at_once.1 = at_once.1.max(at_once.0);
    }
    tokio::task::yield_now().await;
    plane.requests.fetch_add(1, Ordering::Relaxed);
    let refused = plane.refuse.lock().expect("unpoisoned").pop_front();
    plane.at_once.lock().expect("unpoisoned").0 -= 1;
    if let Some(status) = refused {
        let code = if status == 409 {
            Code::Conflict
        } else {
            Code::Unavailable
        };
        let body = ErrorBody {
            message: "no".into(),
            code,
            field: None,
            reason: None,
            request_id: None,
            upcoming: None,
        };
        return (StatusCode::from_u16(status).expect("a status"), Json(body)).into_response();
    }
    let report: QualityReport = serde_json::from_slice(&body).expect("a report");
    let kept = u32::try_from(report.spans.len()).expect("few");
    plane.heard.lock().expect("unpoisoned").push(report);
    Json(QualityKept { kept }).into_response()
}

fn span(at: i64) -> QualitySpan {
    QualitySpan {
        room: "1/183/1790000000".parse().expect("a room"),
        participant: "1".parse().expect("a number"),
        at,
        quality: Quality {
            duration_ms: 60_000,
            loss_up: 0.01,
            worst_loss_up: 0.02,
            loss_down: 0.0,
            worst_loss_down: 0.0,
            rtt_ms: Some(40),
            worst_rtt_ms: Some(50),
            score: 4.1,
            lowest_score: 4.0,
            grade: Grade::Good,
        },
    }
}

/// The plane, the spans, and who says which registration counts. What is refused is sent again at once.
async fn started(refuse: &[u16]) -> (Arc<Plane>, Arc<Spans>, watch::Sender<Option<u64>>) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let plane = Arc::new(Plane {
        refuse: Mutex::new(refuse.iter().copied().collect()),
        ..Plane::default()
    });
    let router = Router::new()
        .route("/relay/quality", post(quality))
        .with_state(plane.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let relay: RelayId = "relay-1".parse().expect("a name");
    let key = SigningKey::from_pkcs8(&SigningKey::generate()).expect("a key");
    let caller = Arc::new(Caller::new(relay.clone(), &url, key).expect("a client"));
    let (known, epoch) = watch::channel(None);
    let spans = Arc::<Spans>::default();
    let reporter = QualityReporter {
        pace: Pace {
            gather: Duration::from_millis(20),
            backoff: Duration::from_millis(1),
            tries: 3,
        },
        ..QualityReporter::new(relay, caller, epoch, spans.clone())
    };
    tokio::spawn(reporter.run());
    (plane, spans, known)
}

/// Waits until nothing waits.
async fn settled(spans: &Spans) {
    let mut queue = spans.queue.subscribe();
    let empty = timeout(LIMIT, queue.wait_for(Queue::is_empty)).await;
    empty.expect("in time").expect("there");
}

/// Numbers of spans in each request, and the first span's time.
fn heard(plane: &Plane) -> Vec<(usize, i64)> {
    let heard = plane.heard.lock().expect("unpoisoned");
    heard
        .iter()
        .map(|report| (report.spans.len(), report.spans[0].at))
        .collect()
}

#[tokio::test]
async fn spans_go_together_one_request_after_the_other_once_the_relay_is_registered() {
    let (plane, spans, known) = started(&[]).await;
    for at in 0..450 {
        spans.push(span(at));
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!((heard(&plane), spans.counts()), (Vec::new(), (450, 0)));
    known.send_replace(Some(7));
    settled(&spans).await;
    assert_eq!(heard(&plane), [(200, 0), (200, 200), (50, 400)]);
    assert_eq!(plane.at_once.lock().expect("unpoisoned").1, 1);
    let heard = plane.heard.lock().expect("unpoisoned");
    assert_eq!((heard[0].epoch, heard[0].spans[0]), (7, span(0)));
    assert_eq!(spans.counts(), (0, 0));
}

#[tokio::test]
async fn what_fails_is_sent_again_a_few_times_and_then_dropped() {
    // Two passing failures, one of them a registration that does not count any more.
    let (plane, spans, known) = started(&[503, 409]).await;
    known.send_replace(Some(7));
    spans.push(span(1));
    settled(&spans).await;
    assert_eq!((heard(&plane), spans.counts()), (vec![(1, 1)], (0, 0)));
    assert_eq!(plane.requests.load(Ordering::Relaxed), 3);

    plane.refuse.lock().expect("unpoisoned").extend([500, 500, 500]);
    spans.push(span(2));
    settled(&spans).await;
    assert_eq!(spans.counts(), (0, 1));
    // What will be refused again is not sent again.
    plane.refuse.lock().expect("unpoisoned").push_back(400);
    spans.push(span(3));
    settled(&spans).await;
    assert_eq!((spans.counts(), plane.requests.load(Ordering::Relaxed)), ((0, 2), 7));
    spans.push(span(4));
    settled(&spans).await;
    assert_eq!(heard(&plane), [(1, 1), (1, 4)]);
}

#[tokio::test]
async fn of_too_many_the_oldest_go() {
    let (plane, spans, known) = started(&[]).await;
    let queue = i64::try_from(QUEUE).expect("small");
    for at in 0..queue + 5 {
        spans.push(span(at));
    }
    assert_eq!(spans.counts(), (QUEUE as u64, 5));
    known.send_replace(Some(7));
    settled(&spans).await;
    let heard = heard(&plane);
    assert_eq!((heard.len(), heard[0]), (QUEUE / LARGEST_QUALITY, (LARGEST_QUALITY, 5)));
}

#[tokio::test]
async fn a_relay_that_ends_sends_what_it_has_and_waits_for_nothing() {
    let (plane, spans, known) = started(&[503; 9]).await;
    known.send_replace(Some(7));
    for at in 0..250 {
        spans.push(span(at));
    }
    timeout(LIMIT, spans.flush()).await.expect("soon");
    assert_eq!(spans.counts(), (0, 250));
    assert!(plane.requests.load(Ordering::Relaxed) <= 4);

    let (plane, spans, known) = started(&[]).await;
    known.send_replace(Some(7));
    spans.push(span(1));
    timeout(LIMIT, spans.flush()).await.expect("soon");
    assert_eq!(heard(&plane), [(1, 1)]);
}
