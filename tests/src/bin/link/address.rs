//! Translation of one IPv4 address, as a NAT that hands out another one in the middle of a call.

use std::net::Ipv4Addr;

/// Where an IPv4 header has its parts (RFC 791 §3.1).
const CHECKSUM: usize = 10;
const SOURCE: usize = 12;
const DESTINATION: usize = 16;
/// Shortest header.
const HEADER: usize = 20;

/// The address of the far end, and what it looks like from the near one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Translation {
    pub(crate) far: Ipv4Addr,
    pub(crate) seen: Ipv4Addr,
}

impl Translation {
    /// Gives a packet of the far end the address under which it is seen.
    pub(crate) fn outward(self, packet: &mut [u8]) {
        if address(packet, SOURCE) == Some(self.far) {
            replace(packet, SOURCE, self.far, self.seen);
        }
    }

    /// Gives a packet for the far end its own address; false for one to an address that leads there no more.
    pub(crate) fn inward(self, packet: &mut [u8]) -> bool {
        let to = address(packet, DESTINATION);
        if to == Some(self.seen) {
            replace(packet, DESTINATION, self.seen, self.far);
            return true;
        }
        to.is_none()
    }
}

/// The address at that place of an IPv4 packet.
fn address(packet: &[u8], at: usize) -> Option<Ipv4Addr> {
    let bytes: [u8; 4] = packet.get(at..at + 4)?.try_into().ok()?;
    (packet.len() >= HEADER && packet[0] >> 4 == 4).then(|| bytes.into())
}

/// Writes the address, and corrects the checksums of IP, UDP and TCP that cover it (RFC 1624).
fn replace(packet: &mut [u8], at: usize, old: Ipv4Addr, new: Ipv4Addr) {
    packet[at..at + 4].copy_from_slice(&new.octets());
    correct(packet, CHECKSUM, old, new);
    let header = usize::from(packet[0] & 0x0f) * 4;
    match packet[9] {
        6 => correct(packet, header + 16, old, new),
        // A zero says that there is none (RFC 768).
        17 if packet.get(header + 6..header + 8).is_some_and(|sum| sum != [0, 0]) => {
            correct(packet, header + 6, old, new);
        }
        _ => {}
    }
}

fn correct(packet: &mut [u8], at: usize, old: Ipv4Addr, new: Ipv4Addr) {
    let Some(place) = packet.get_mut(at..at + 2) else {
        return;
    };
    let words = |address: Ipv4Addr| {
        let [a, b, c, d] = address.octets();
        [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])]
    };
    let mut sum = u32::from(!u16::from_be_bytes([place[0], place[1]]));
    for (old, new) in words(old).into_iter().zip(words(new)) {
        sum += u32::from(!old) + u32::from(new);
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let sum = !u16::try_from(sum).expect("folded");
    place.copy_from_slice(&sum.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAR: Ipv4Addr = Ipv4Addr::new(10, 86, 1, 2);
    const SEEN: Ipv4Addr = Ipv4Addr::new(10, 86, 1, 77);
    const NEAR: Ipv4Addr = Ipv4Addr::new(10, 86, 1, 1);

    fn sum(mut words: Vec<u8>) -> u16 {
        words.resize(words.len().next_multiple_of(2), 0);
        let mut sum: u32 = words
            .chunks(2)
            .map(|w| u32::from(u16::from_be_bytes([w[0], w[1]])))
            .sum();
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !u16::try_from(sum).expect("folded")
    }

    /// The checksum of the IP header, and that over UDP's pseudo header: both 0 when right.
    fn checks(packet: &[u8]) -> (u16, u16) {
        let udp = u16::try_from(packet.len() - HEADER).expect("short").to_be_bytes();
        let pseudo = [&packet[12..20], &[0, 17], &udp, &packet[HEADER..]].concat();
        (sum(packet[..HEADER].to_vec()), sum(pseudo))
    }

    /// A UDP packet with right checksums.
    fn packet(from: Ipv4Addr, to: Ipv4Addr) -> Vec<u8> {
        let mut packet = vec![0x45, 0, 0, 33, 0, 7, 0, 0, 64, 17, 0, 0];
        packet.extend(from.octets());
        packet.extend(to.octets());
        packet.extend([0x1f, 0x90, 0x23, 0x28, 0, 13, 0, 0]);
        packet.extend(b"hello");
        let (ip, udp) = checks(&packet);
        packet[10..12].copy_from_slice(&ip.to_be_bytes());
        packet[26..28].copy_from_slice(&udp.to_be_bytes());
        packet
    }

    #[test]
    fn both_ways_the_address_is_another_and_the_checksums_are_right() {
        let translation = Translation { far: FAR, seen: SEEN };
        let mut out = packet(FAR, NEAR);
        translation.outward(&mut out);
        assert_eq!((address(&out, SOURCE), checks(&out)), (Some(SEEN), (0, 0)));
        assert_eq!(out, packet(SEEN, NEAR));
        let mut back = packet(NEAR, SEEN);
        assert!(translation.inward(&mut back));
        assert_eq!(back, packet(NEAR, FAR));
    }

    #[test]
    fn the_former_address_leads_nowhere() {
        let translation = Translation { far: FAR, seen: SEEN };
        assert!(!translation.inward(&mut packet(NEAR, FAR)));
    }

    #[test]
    fn what_is_no_packet_of_ipv4_is_left_alone() {
        let translation = Translation { far: FAR, seen: SEEN };
        for bytes in [&[][..], &[0x45; 12], &[0x60; 40]] {
            let mut packet = bytes.to_vec();
            translation.outward(&mut packet);
            assert!(translation.inward(&mut packet));
            assert_eq!(packet, bytes);
        }
    }
}
