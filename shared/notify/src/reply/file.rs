//! The lines of a calendar file that somebody else wrote (RFC 5545 §3.1), as far as answers need them. Whatever does not read
//! as a line is passed over: one odd property of a product's own must not lose an answer. Nested components are counted, not
//! followed, so no file is too deep.

use domain::code::Email;

/// A line: its name and its parameters' names in upper case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) name: String,
    parameters: Vec<(String, String)>,
    pub(super) value: String,
}

/// What of a file is looked at.
#[derive(Debug, Default)]
pub(super) struct File {
    pub(super) method: Option<String>,
    pub(super) events: Vec<Event>,
}

/// What of an event is looked at.
#[derive(Debug, Default)]
pub(super) struct Event {
    pub(super) uid: String,
    pub(super) sequence: Option<String>,
    pub(super) stamp: Option<String>,
    pub(super) recurrence: Option<Line>,
    pub(super) attendees: Vec<Line>,
    pub(super) organizer: Option<Line>,
}

impl Line {
    /// A line that is unfolded already; `None` where it is none.
    pub(super) fn read(line: &str) -> Option<Self> {
        let mut quoted = false;
        let mut parts = Vec::new();
        let mut begin = 0;
        let mut value = None;
        for (at, c) in line.char_indices() {
            match c {
                '"' => quoted = !quoted,
                ';' if !quoted => {
                    parts.push(&line[begin..at]);
                    begin = at + 1;
                }
                ':' if !quoted => {
                    parts.push(&line[begin..at]);
                    value = Some(&line[at + 1..]);
                    break;
                }
                _ => {}
            }
        }
        let value = value?;
        let (name, parameters) = parts.split_first()?;
        let name = name.trim();
        let word = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if name.is_empty() || !name.chars().all(word) {
            return None;
        }
        let parameter = |text: &&str| {
            let (name, value) = text.split_once('=')?;
            Some((
                name.trim().to_ascii_uppercase(),
                value.trim().trim_matches('"').to_owned(),
            ))
        };
        Some(Self {
            name: name.to_ascii_uppercase(),
            parameters: parameters.iter().filter_map(parameter).collect(),
            value: value.trim().to_owned(),
        })
    }

    /// The value of a parameter.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let mut all = self.parameters.iter();
        all.find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The mail address that it means: of its URI, else the parameter that stands for it (RFC 7986 §6.2).
    pub(super) fn address(&self) -> Option<Email> {
        let scheme = self
            .value
            .get(..7)
            .is_some_and(|begin| begin.eq_ignore_ascii_case("mailto:"));
        let text = match scheme {
            true => percent_decoded(&self.value[7..])?,
            false => self.parameter("EMAIL")?.to_owned(),
        };
        text.trim().parse().ok()
    }
}

impl File {
    /// Reads what there is.
    pub(super) fn read(text: &str) -> Self {
        let mut file = Self::default();
        let mut depth = 0_usize;
        // The event that the lines are in, and how deep it lies.
        let mut event: Option<(usize, Event)> = None;
        for line in unfolded(text) {
            let Some(line) = Line::read(&line) else { continue };
            match line.name.as_str() {
                "BEGIN" => {
                    depth += 1;
                    if event.is_none() && line.value.eq_ignore_ascii_case("VEVENT") {
                        event = Some((depth, Event::default()));
                    }
                }
                "END" => {
                    if let Some((_, done)) = event.take_if(|(at, _)| *at == depth) {
                        file.events.push(done);
                    }
                    depth = depth.saturating_sub(1);
                }
                _ => match &mut event {
                    Some((at, event)) if *at == depth => event.take(line),
                    // Of an alarm in it.
                    Some(_) => {}
                    None if line.name == "METHOD" && depth == 1 => file.method = Some(line.value),
                    None => {}
                },
            }
        }
        file
    }
}

impl Event {
    fn take(&mut self, line: Line) {
        match line.name.as_str() {
            "UID" => self.uid = text(&line.value),
            "SEQUENCE" => self.sequence = Some(line.value),
            "DTSTAMP" => self.stamp = Some(line.value),
            "RECURRENCE-ID" => self.recurrence = Some(line),
            "ATTENDEE" => self.attendees.push(line),
            "ORGANIZER" => self.organizer = Some(line),
            _ => {}
        }
    }
}

/// The lines as they were before they were folded; breaks may be of any kind.
fn unfolded(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.split('\n') {
        let line = line.strip_suffix('\r').unwrap_or(line);
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(rest), Some(last)) => last.push_str(rest),
            _ => lines.push(line.to_owned()),
        }
    }
    lines
}

/// A value of type TEXT.
fn text(value: &str) -> String {
    let mut plain = String::with_capacity(value.len());
    let mut escaped = false;
    for c in value.chars() {
        match (escaped, c) {
            (false, '\\') => {
                escaped = true;
                continue;
            }
            (true, 'n' | 'N') => plain.push('\n'),
            _ => plain.push(c),
        }
        escaped = false;
    }
    plain
}

/// The text that a URI holds; `None` where it is none.
fn percent_decoded(uri: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(uri.len());
    let mut rest = uri.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes).ok()
}
