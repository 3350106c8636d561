//! `report/usage`: what a company's meetings came to.

use domain::id::{CompanyId, HostId};
use domain::time::Zone;
use domain::{Error as Refusal, Role};
use jiff::civil::Date;
use jiff::tz::Offset;
use jiff::{Span, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::Usage;

use crate::ahead::First;
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind};
use crate::error::Error;
use crate::input::Parameters;
use crate::reply::Json;

/// Days of a report where no time is asked for.
const DAYS: i32 = 30;
/// Most days of one report.
const MOST_DAYS: i32 = 366;

/// Reports usage.
#[derive(Debug)]
pub struct ReportUsage;

/// Of whom, and when. Days are those of UTC.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct ReportUsageParameters {
    /// Whose; a company's own admin may leave it out, and so may whoever names a host.
    pub company_id: Option<CompanyId>,
    /// Only meetings of this host.
    pub host_id: Option<HostId>,
    /// The first day, `2026-06-01`, or a time at which a day begins in UTC; 29 days before the last day when absent.
    pub from: Option<String>,
    /// Where it ends: the day after the last one, in the same form; tomorrow when absent. At most 366 days after `from`.
    pub to: Option<String>,
}

/// What a company's meetings came to.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Usage")]
pub struct ReportUsageAnswer {
    /// Whose.
    pub company_id: CompanyId,
    /// Whose meetings alone; null for all of the company.
    pub host_id: Option<HostId>,
    /// The first moment, `YYYY-MM-DD HH:MM:SS` in UTC.
    pub from: String,
    /// The moment where it ends.
    pub to: String,
    /// Accounts that the company has at present.
    pub hosts: u64,
    /// All days together.
    #[serde(flatten)]
    pub total: UsageAnswer,
    /// Days on which there was anything, the first one first.
    pub days: Vec<UsageDayAnswer>,
}

/// What a day came to.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "UsageDay")]
pub struct UsageDayAnswer {
    /// The day, `2026-06-01`.
    pub date: String,
    /// What it came to.
    #[serde(flatten)]
    pub usage: UsageAnswer,
}

/// What meetings came to.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct UsageAnswer {
    /// Meetings that somebody was in, on the day of their first participant; of one that repeats each occurrence.
    pub meetings: u64,
    /// People, each once in each meeting, on the day when they came first.
    pub participants: u64,
    /// How long people stayed, in whole seconds, on the day when they left. Who is there still is not in it yet.
    pub participant_seconds: u64,
}

impl From<Usage> for UsageAnswer {
    fn from(usage: Usage) -> Self {
        Self {
            meetings: usage.meetings,
            participants: usage.participants,
            participant_seconds: usage.stayed / 1_000,
        }
    }
}

impl Endpoint for ReportUsage {
    const ID: &'static str = "report_usage";
    const METHOD: http::Method = http::Method::POST;
    const PATH: &'static str = "/enterprise_api/report/usage";
    const ACCESS: Access = Access::Session(Role::CompanyAdmin);
    const KIND: Kind = Kind::Read;
    const FIRST: Option<First> = Some(First::Host);
    const SUMMARY: &'static str = "Answers what a company's or a host's meetings came to, day by day.";
    type Input = Parameters<ReportUsageParameters>;
    type Output = Json<ReportUsageAnswer>;

    async fn handle(context: &Context<'_>, Parameters(asked): Self::Input) -> Result<Self::Output, Error> {
        let (caller, store) = (context.caller()?, context.store());
        let (from, to) = days(&asked, context.now)?;
        let last = to.yesterday().map_err(|_| Refusal::invalid("to", OUT_OF_REACH))?;
        let named = asked.company_id.or(caller.scope.company);
        let host = match asked.host_id {
            Some(id) => Some(context.host(id).await?),
            None => None,
        };
        let id = named.or(host.as_ref().map(|host| host.company));
        let id = id.ok_or_else(|| Refusal::missing("company_id"))?;
        // What is counted is told to nobody before it is known to be in the caller's reach.
        let used = async {
            match asked.host_id {
                Some(host) => store.host_usage(caller.reseller, host, (from, last)).await,
                None => store.usage(caller.reseller, id, (from, last)).await,
            }
        };
        let (used, company) = tokio::join!(used, store.company_counted(&caller.scope, id));
        let (company, hosts) = company?;
        if host.as_ref().is_some_and(|host| host.company != id) {
            return Err(Refusal::not_found("host").with_field("host_id").into());
        }
        let (mut total, mut shown) = (Usage::default(), Vec::new());
        for (day, usage) in used? {
            total += usage;
            shown.push(UsageDayAnswer {
                date: day.to_string(),
                usage: usage.into(),
            });
        }
        let moment = |day: Date| format!("{day} 00:00:00");
        Ok(Json(ReportUsageAnswer {
            company_id: company.id,
            host_id: asked.host_id,
            from: moment(from),
            to: moment(to),
            hosts,
            total: total.into(),
            days: shown,
        }))
    }
}

const OUT_OF_REACH: &str = "is not a time that can be reported";

/// The first day and the one after the last.
fn days(asked: &ReportUsageParameters, now: Timestamp) -> Result<(Date, Date), Refusal> {
    let moved = |day: Date, days: i32| day.checked_add(Span::new().days(days));
    let today = Offset::UTC.to_datetime(now).date();
    let to = match &asked.to {
        Some(text) => day("to", text)?,
        None => moved(today, 1).map_err(|_| Refusal::invalid("to", OUT_OF_REACH))?,
    };
    let from = match &asked.from {
        Some(text) => day("from", text)?,
        None => moved(to, -DAYS).map_err(|_| Refusal::invalid("to", OUT_OF_REACH))?,
    };
    if from >= to {
        return Err(Refusal::invalid("to", "must be after from"));
    }
    if moved(from, MOST_DAYS).is_ok_and(|most| to > most) {
        return Err(Refusal::invalid(
            "to",
            format_args!("must be at most {MOST_DAYS} days after from"),
        ));
    }
    Ok((from, to))
}

/// A day, or the time at which one begins.
fn day(field: &'static str, text: &str) -> Result<Date, Refusal> {
    if text.len() == 10
        && let Ok(day) = text.parse::<Date>()
    {
        return Ok(day);
    }
    let at = Zone::utc().read(text);
    let at = at.map_err(|_| Refusal::invalid(field, "must be a day such as 2026-06-01"))?;
    let local = Offset::UTC.to_datetime(at);
    match local.time() == jiff::civil::Time::midnight() {
        true => Ok(local.date()),
        false => Err(Refusal::invalid(field, "must be the beginning of a day in UTC")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(from: Option<&str>, to: Option<&str>) -> Result<(String, String), String> {
        let asked = ReportUsageParameters {
            company_id: None,
            host_id: None,
            from: from.map(str::to_owned),
            to: to.map(str::to_owned),
        };
        let now = "2026-06-10T23:59:59Z".parse().expect("a time");
        let found = days(&asked, now).map_err(|refusal| refusal.message.into_owned())?;
        Ok((found.0.to_string(), found.1.to_string()))
    }

    #[test]
    fn the_last_thirty_days_or_what_is_asked_for() {
        let found = |from: &str, to: &str| Ok((from.to_owned(), to.to_owned()));
        assert_eq!(asked(None, None), found("2026-05-12", "2026-06-11"));
        assert_eq!(asked(None, Some("2026-02-01")), found("2026-01-02", "2026-02-01"));
        let written = asked(Some("2026-06-01 00:00:00"), Some("2026-06-03T02:00:00+02:00"));
        assert_eq!(written, found("2026-06-01", "2026-06-03"));
        assert!(asked(Some("2025-01-01"), Some("2026-01-02")).is_ok());
        assert!(asked(Some("2025-01-01"), Some("2026-01-03")).is_err());
        for wrong in ["2026-06-01 00:00:01", "2026-02-30", "soon", "", "2026-06-1"] {
            assert!(asked(Some(wrong), None).is_err(), "{wrong}");
        }
        assert!(asked(Some("2026-06-11"), Some("2026-06-11")).is_err());
    }
}
