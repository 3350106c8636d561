//! Descriptions that nobody should send.

use proptest::prelude::*;

use super::*;

/// Feeds a text to both roles; whatever comes, what is kept is bounded and the answer reads as a description.
fn feed(text: &str) {
    let mut client = negotiator(Role::ClientOffers);
    client.add_send(track(10, Codec::Vp8));
    if client.accept_offer(text).is_ok() {
        let answer = client.answer();
        assert!(answer.len() < MAX_TEXT + 4096 + client.slots.len() * 1024);
        assert_eq!(sections(&answer).len(), client.slots.len());
        for track in client.receiving() {
            assert!(track.rids.len() <= 256 && track.ssrcs.len() <= 256);
        }
        let _ = client.poll_sections_request();
        client.accept_offer(text).expect("accepted before");
        let _ = client.answer();
    }
    let mut server = negotiator(Role::ServerOffers);
    server.add_send(track(10, Codec::Vp8));
    let _ = server.create_offer();
    if server.accept_answer(text).is_ok() {
        let _ = server.create_offer();
    }
}

/// A real text with some of its lines dropped, doubled, swapped, or with bytes of them changed.
fn mutated() -> impl Strategy<Value = String> {
    let edit = (
        any::<prop::sample::Index>(),
        0..5u8,
        any::<prop::sample::Index>(),
        "[ -~]{0,12}",
    );
    (0..OFFERS.len(), prop::collection::vec(edit, 1..12)).prop_map(|(which, edits)| {
        let mut lines: Vec<String> = OFFERS[which].lines().map(str::to_owned).collect();
        for (at, what, other, text) in edits {
            let at = at.index(lines.len());
            match what {
                0 if lines.len() > 1 => drop(lines.remove(at)),
                1 => lines.insert(at, lines[at].clone()),
                2 => {
                    let other = other.index(lines.len());
                    lines.swap(at, other);
                }
                3 => {
                    let cut = other.index(lines[at].len() + 1);
                    lines[at].truncate(cut);
                    lines[at].push_str(&text);
                }
                _ => lines[at] = text,
            }
        }
        lines.join("\r\n")
    })
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        feed(&text);
        feed(&format!("v=0\r\n{text}"));
    }

    #[test]
    fn a_real_offer_with_faults_is_read_or_refused(text in mutated()) {
        feed(&text);
    }

    #[test]
    fn a_real_offer_cut_short_is_read_or_refused(which in 0..OFFERS.len(), at in any::<prop::sample::Index>()) {
        let text = OFFERS[which];
        let end = (0..=at.index(text.len())).rev().find(|end| text.is_char_boundary(*end));
        feed(&text[..end.expect("0 is a boundary")]);
    }
}

#[test]
fn size_and_number_of_sections_are_bounded() {
    let mut negotiator = negotiator(Role::ClientOffers);
    let long = format!("v=0\r\n{}", "a=x\r\n".repeat(MAX_TEXT / 5));
    assert_eq!(negotiator.accept_offer(&long), Err(SdpError::TooLong));
    let many = format!("v=0\r\n{}", "m=audio 9 a b\r\n".repeat(MAX_SECTIONS + 1));
    assert_eq!(negotiator.accept_offer(&many), Err(SdpError::TooManySections));
}

#[test]
fn offers_that_cannot_be_answered_are_refused_and_change_nothing() {
    let mut negotiator = negotiator(Role::ClientOffers);
    negotiator.accept_offer(PUBLISHER_CAMERA).expect("a real offer");
    let _ = negotiator.answer();
    let camera = PUBLISHER_CAMERA;
    for (bad, error) in [
        (camera.replace("a=mid:2", "a=mid:1"), SdpError::Mid(2)),
        (camera.replace("a=mid:2\r\n", ""), SdpError::Mid(2)),
        (camera.replace("setup:actpass", "setup:holdconn"), SdpError::Line(10)),
        (camera.replace("ice-ufrag:b3p8", "ice-ufrag:b"), SdpError::Line(12)),
        (camera.replace("sha-256 31", "sha-256 zz"), SdpError::Line(14)),
        (PUBLISHER_DATA.to_owned(), SdpError::SectionsChanged),
    ] {
        assert_eq!(negotiator.accept_offer(&bad), Err(error));
        assert_eq!(negotiator.receiving().filter(|track| track.active).count(), 2);
    }
    assert_eq!(
        self::negotiator(Role::ServerOffers).accept_offer(camera),
        Err(SdpError::Unexpected)
    );
}

#[test]
fn formats_without_end_and_parameters_without_end_are_not_read() {
    let camera = |text: &str| {
        let mut client = negotiator(Role::ClientOffers);
        client.accept_offer(text).expect("an offer");
        let tracks: Vec<Codec> = client.receiving().map(|track| track.codec).collect();
        tracks
    };
    assert_eq!(camera(ONE_PUBLISH).last(), Some(&Codec::Vp8));
    let with_many = ONE_PUBLISH.replace(
        "UDP/TLS/RTP/SAVPF 96 ",
        &format!("UDP/TLS/RTP/SAVPF {}96 ", "7 ".repeat(300)),
    );
    assert!(!camera(&with_many).contains(&Codec::Vp8));
    // As long as a description may be: what took minutes, had each format read all parameters.
    let start = with_many.find("a=fmtp").expect("parameters");
    let parameters = format!("a=fmtp:96 {}\r\n", ";".repeat(MAX_TEXT / 2));
    let formats = "96 ".repeat((MAX_TEXT / 2 - with_many.len()) / 3);
    let longest = format!("{}{parameters}{}", &with_many[..start], &with_many[start..]).replace("7 7 7 ", "");
    let longest = longest.replace("UDP/TLS/RTP/SAVPF ", &format!("UDP/TLS/RTP/SAVPF {formats}"));
    let mut client = negotiator(Role::ClientOffers);
    let _ = client.accept_offer(&longest[..longest.len().min(MAX_TEXT)]);
}
