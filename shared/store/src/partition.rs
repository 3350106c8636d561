//! How the partition keys of each kind of object begin: what a function's role in the cloud allows it to touch.

/// The partitions of one kind of object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Partition {
    /// Counters that ids come from.
    Counter,
    /// Resellers and their plans.
    Reseller,
    /// Whom a host name belongs to.
    Fqdn,
    /// Companies, their subscriptions and audits.
    Company,
    /// Hosts, the guards of their address books and idempotency records.
    Host,
    /// Entries of address books.
    Contact,
    /// Hosts by mail address.
    Email,
    /// Hosts by OpenID subject.
    OpenId,
    /// Conferences, their occurrences, participants and events.
    Conference,
    /// Conferences by their UIDs in calendars.
    Uid,
    /// Marks of active meetings.
    Active,
    /// Rooms of codes, and what is planned on them.
    Code,
    /// Sessions.
    Session,
    /// One-time values of sign-ins.
    Handoff,
    /// Failures of signing in with a password.
    LoginAttempt,
    /// Failures of single sign-on.
    SsoAttempt,
    /// Wrong PINs of meetings.
    PinAttempt,
    /// Wrong PINs and tokens of moderators.
    ModeratorAttempt,
    /// Unknown codes.
    CodeAttempt,
    /// Registrations for meetings.
    RegistrationAttempt,
    /// New passwords asked for.
    ResetAttempt,
    /// Wrong secrets of clients of OAuth.
    OauthAttempt,
    /// Requests in a minute.
    Rate,
    /// Relays, their rooms and reports.
    Relay,
    /// The audit of a reseller.
    ResellerAudit,
    /// The audit of the installation.
    Audit,
    /// In the index: all relays.
    RelayList,
    /// In the index: occurrences by when time does something to them.
    Due,
    /// In the index: a reseller's companies.
    CompanyList,
    /// In the index: a reseller's hosts.
    HostList,
    /// Jobs.
    Job,
    /// In the index: jobs by when they are due.
    JobList,
    /// In the index: companies' own host names by when they are looked at.
    OwnDomainList,
    /// What meetings came to, by day.
    Usage,
    /// Pictures of companies' brandings.
    Image,
    /// Text messages, what they cost, and who wants none.
    Text,
    /// Addresses that mail does not go to; in the index: those of each company.
    Suppressed,
    /// What resellers mailed in a day.
    Mails,
    /// Webhooks, and what their deliveries carry.
    Hook,
    /// What happened and has no number yet.
    News,
    /// In the index: the same.
    NewsList,
    /// What happened, numbered, for webhooks.
    Told,
    /// How far webhooks have heard.
    Line,
    /// In the index: the same by when something is to be sent.
    LineList,
    /// Deliveries to webhooks.
    Delivery,
}

impl Partition {
    /// Every kind.
    pub const ALL: [Self; 45] = [
        Self::Counter,
        Self::Reseller,
        Self::Fqdn,
        Self::Company,
        Self::Host,
        Self::Contact,
        Self::Email,
        Self::OpenId,
        Self::Conference,
        Self::Uid,
        Self::Active,
        Self::Code,
        Self::Session,
        Self::Handoff,
        Self::LoginAttempt,
        Self::SsoAttempt,
        Self::PinAttempt,
        Self::ModeratorAttempt,
        Self::CodeAttempt,
        Self::RegistrationAttempt,
        Self::ResetAttempt,
        Self::OauthAttempt,
        Self::Rate,
        Self::Relay,
        Self::ResellerAudit,
        Self::Audit,
        Self::RelayList,
        Self::Due,
        Self::CompanyList,
        Self::HostList,
        Self::Job,
        Self::JobList,
        Self::OwnDomainList,
        Self::Usage,
        Self::Image,
        Self::Text,
        Self::Suppressed,
        Self::Mails,
        Self::Hook,
        Self::News,
        Self::NewsList,
        Self::Told,
        Self::Line,
        Self::LineList,
        Self::Delivery,
    ];

    /// The keys as a policy's condition on `dynamodb:LeadingKeys` matches them: `*` stands for any text.
    #[must_use]
    pub const fn pattern(self) -> &'static str {
        match self {
            Self::Counter => "COUNTER#*",
            Self::Reseller => "RESELLER#*",
            Self::Fqdn => "FQDN#*",
            Self::Company => "R#*#C#*",
            Self::Host => "R#*#H#*",
            Self::Contact => "R#*#P#*",
            Self::Email => "R#*#EMAIL#*",
            Self::OpenId => "R#*#OPENID#*",
            Self::Conference => "R#*#F#*",
            Self::Uid => "R#*#UID#*",
            Self::Active => "R#*#ACTIVE#*",
            Self::Code => "CODE#*",
            Self::Session => "SESSION#*",
            Self::Handoff => "HANDOFF#*",
            Self::LoginAttempt => "ATTEMPT#LOGIN#*",
            Self::SsoAttempt => "ATTEMPT#SSO#*",
            Self::PinAttempt => "ATTEMPT#PIN#*",
            Self::ModeratorAttempt => "ATTEMPT#MODERATOR#*",
            Self::CodeAttempt => "ATTEMPT#CODE#*",
            Self::RegistrationAttempt => "ATTEMPT#REGISTRATION#*",
            Self::ResetAttempt => "ATTEMPT#RESET#*",
            Self::OauthAttempt => "ATTEMPT#OAUTH#*",
            Self::Rate => "RATE#*",
            Self::Relay => "RELAY#*",
            Self::ResellerAudit => "R#*#AUDIT",
            Self::Audit => "AUDIT",
            Self::RelayList => "RELAYS",
            Self::Due => "DUE#*",
            Self::CompanyList => "R#*#COMPANIES",
            Self::HostList => "R#*#HOSTS",
            Self::Job => "JOB#*",
            Self::JobList => "JOBS#*",
            Self::OwnDomainList => "OWN-DOMAINS",
            Self::Usage => "R#*#USAGE#*",
            Self::Image => "R#*#IMAGE#*",
            Self::Text => "R#*#TEXT#*",
            Self::Suppressed => "R#*#SUPPRESSED#*",
            Self::Mails => "R#*#MAILS",
            Self::Hook => "R#*#HOOKS#*",
            Self::News => "NEWS#*",
            Self::NewsList => "NEWSLIST#*",
            Self::Told => "TOLD#*",
            Self::Line => "LINE#*",
            Self::LineList => "LINES#*",
            Self::Delivery => "R#*#DELIVERIES#*",
        }
    }

    /// Whether a partition key is of this kind.
    #[must_use]
    pub fn holds(self, key: &str) -> bool {
        matches(self.pattern(), key)
    }
}

/// Whether a text fits a pattern in which `*` stands for any text.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_policies_do() {
        assert!(
            matches("R#*#C#*", "R#1#C#5") && matches("R#*#C#*", "R#1#C#5#AUDIT") && matches("R#*#AUDIT", "R#1#AUDIT")
        );
        assert!(!matches("R#*#C#*", "R#1#H#5") && !matches("AUDIT", "AUDIT#1") && !matches("R#*#AUDIT", "R#1#AUDIT#2"));
    }

    #[test]
    fn one_key_of_each_kind_is_of_its_kind_alone() {
        let keys = [
            (Partition::Company, "R#1#C#5"),
            (Partition::Host, "R#1#H#5"),
            (Partition::Conference, "R#1#F#5"),
            (Partition::Uid, "R#1#UID#0f"),
            (Partition::Active, "R#1#ACTIVE#5"),
            (Partition::Email, "R#1#EMAIL#a@b.c"),
            (Partition::Code, "CODE#1234567"),
            (Partition::Relay, "RELAY#r1"),
            (Partition::CodeAttempt, "ATTEMPT#CODE#1#192.0.2.0/24"),
            (Partition::Due, "DUE#1"),
            (Partition::Usage, "R#1#USAGE#c5"),
            (Partition::Usage, "R#1#USAGE#h5"),
            (Partition::Hook, "R#1#HOOKS#5"),
            (Partition::News, "NEWS#1#f5"),
            (Partition::Line, "LINE#1#5"),
            (Partition::Delivery, "R#1#DELIVERIES#5"),
        ];
        for (kind, key) in keys {
            let found: Vec<_> = Partition::ALL.into_iter().filter(|kind| kind.holds(key)).collect();
            assert_eq!(found, [kind], "{key}");
        }
    }
}
