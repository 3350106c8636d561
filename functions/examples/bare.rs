//! The least that a function of ours could be: `lambda_http` and the same DynamoDB client, which reads one item after the
//! other (`BARE_READS` of them) and answers. `scripts/bench cold` holds the cold start of the real functions against it.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use lambda_http::{Error, Request, service_fn};

fn main() -> Result<(), Error> {
    tracing_subscriber::fmt()
        .json()
        .with_target(false)
        .without_time()
        .init();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(run())
}

async fn run() -> Result<(), Error> {
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let aws = aws_config::from_env().http_client(http).load().await;
    let client = &Client::new(&aws);
    let table = std::env::var("CONVOKE_TABLE")?;
    let reads: usize = std::env::var("BARE_READS")?.parse()?;
    let table = &table;
    lambda_http::run(service_fn(move |request: Request| async move {
        let mut found = 0;
        for read in 0..reads {
            let key = AttributeValue::S(format!("{}/{read}", request.uri().path()));
            let got = client
                .get_item()
                .table_name(table)
                .key("pk", key)
                .key("sk", AttributeValue::S("BARE".into()))
                .consistent_read(true)
                .send()
                .await?;
            found += usize::from(got.item.is_some());
        }
        Ok::<_, Error>(format!("{found} of {reads}"))
    }))
    .await
}
