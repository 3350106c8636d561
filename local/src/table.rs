//! The table that the platform runs on: a file in the data folder, or an emulator of DynamoDB; for tests with faults.

use std::sync::Arc;

use anyhow::Context as _;
use store::embedded::{self, Embedded, SharedHttpClient};
use store::fault::Faulty;
use store::{Store, emulator};

use crate::data::DataFolder;
use crate::options::TableOptions;

const TABLE: &str = "convoke";

/// Opens the table, which is made when it is not there. `written` is called after each write, where the table is a file.
pub(crate) async fn open(
    data: &DataFolder,
    options: &TableOptions,
    written: impl Fn() + Send + Sync + 'static,
) -> anyhow::Result<Store> {
    let mut http = match &options.dynamodb {
        Some(_) => emulator::http(),
        None => {
            let file = embedded::Options {
                file: Some(data.table()),
                written: Some(Arc::new(written)),
            };
            SharedHttpClient::new(Embedded::open(file)?)
        }
    };
    if let Some(rates) = options.faults {
        http = SharedHttpClient::new(Faulty::new(http, rand::random(), rates));
    }
    let client = match &options.dynamodb {
        Some(url) => emulator::client(url, http),
        None => embedded::client(http),
    };
    let store = Store::new(&client, TABLE);
    store.create_table().await.context("the table cannot be made")?;
    Ok(store)
}
