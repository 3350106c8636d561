//! Companies, hosts and contacts with their guards.

use domain::code::Fqdn;
use domain::id::{CompanyId, HostId};
use store::{Work, keys};

use super::Books;

impl Books {
    pub(super) fn accounts(&mut self) {
        self.companies_have_their_names();
        self.names_have_their_companies();
        self.hosts_have_what_is_theirs();
        self.guards_have_their_hosts();
        self.contacts_have_their_guards();
    }

    fn companies_have_their_names(&mut self) {
        for company in self.companies.clone().into_values() {
            let (reseller, id) = (company.reseller, company.id);
            let key = keys::company(reseller, id);
            let name = keys::fqdn(&company.fqdn);
            self.expect_points(&name, "company", id.value());
            let until = self.get(&name).and_then(|name| name.get("until").cloned());
            self.expect(until.is_none(), || format!("{name:?} is a former name of {id}"));
            let listed = keys::company_list(reseller, company.created, id);
            self.expect_listed(&key, company.deleting.is_none().then_some(&listed));
            let hosts = self
                .hosts
                .values()
                .filter(|host| host.company == id && host.deleting.is_none());
            let hosts = i64::try_from(hosts.count()).expect("few");
            let counted = self
                .get(&key)
                .and_then(|item| item["hosts"].as_i64())
                .unwrap_or_default();
            self.expect(counted == hosts, || {
                format!("company {id} counts {counted} hosts of {hosts}")
            });
            let works = self
                .jobs
                .iter()
                .any(|job| job.work == Work::CompanyDelete && job.company == id);
            self.expect(works == company.deleting.is_some(), || {
                format!(
                    "company {id} is being deleted: {:?}, a job is at it: {works}",
                    company.deleting
                )
            });
        }
    }

    fn names_have_their_companies(&mut self) {
        for (key, item) in self.all("FQDN") {
            let Some(company) = item["company"].as_u64().and_then(CompanyId::new) else {
                continue;
            };
            let name: Fqdn = key.pk.trim_start_matches("FQDN#").parse().expect("a name");
            let known = self.companies.get(&company);
            let is_its_name = known.is_some_and(|company| {
                company.fqdn == name || company.own_domains.iter().any(|own| *own.name.fqdn() == name)
            });
            let is_former = item.get("until").is_some();
            self.expect(is_its_name != is_former, || format!("{name} is nobody's name: {item}"));
        }
    }

    fn hosts_have_what_is_theirs(&mut self) {
        for host in self.hosts.clone().into_values() {
            let (reseller, id) = (host.reseller, host.id);
            let key = keys::host(reseller, id);
            let company = self.companies.contains_key(&host.company);
            self.expect(company, || format!("host {id} is of no company"));
            let works = |work: &Work| matches!(work, Work::HostDelete { host, .. } if *host == id);
            let works = self.jobs.iter().any(|job| works(&job.work));
            self.expect(works == host.deleting.is_some(), || {
                format!(
                    "host {id} is being deleted: {:?}, a job is at it: {works}",
                    host.deleting
                )
            });
            if host.deleting.is_some() {
                self.expect_listed(&key, None);
                continue;
            }
            self.expect_listed(&key, Some(&keys::host_list(reseller, host.company, host.created, id)));
            let email = keys::host_email(reseller, &host.email);
            self.expect_points(&email, "host", id.value());
            self.expect_listed(&email, Some(&keys::host_list_all(reseller, host.created, id)));
            if let Some(sub) = &host.openid_sub {
                self.expect_points(&keys::host_openid(reseller, sub), "host", id.value());
            }
            let room = keys::room(host.access_code);
            self.expect_points(&room, "host", id.value());
            let room = self.get(&room).cloned().unwrap_or_default();
            let open = room.get("closed").is_none() && room.get("retired").is_none();
            self.expect(open, || format!("the room of host {id} opens nothing: {room}"));
            let own = self.contacts.get(&host.own_contact).cloned();
            self.expect(own.as_ref() == Some(&host.contact()), || {
                format!("host {id} has itself in its address book as {own:?}")
            });
        }
    }

    fn guards_have_their_hosts(&mut self) {
        for sk in ["EMAIL", "OPENID"] {
            for (key, item) in self.all(sk) {
                let host = item["host"].as_u64().and_then(HostId::new);
                let host = host
                    .and_then(|id| self.hosts.get(&id))
                    .filter(|host| host.deleting.is_none());
                let own = |host: &domain::host::Host| match sk {
                    "EMAIL" => keys::host_email(host.reseller, &host.email) == key,
                    _ => host
                        .openid_sub
                        .as_ref()
                        .is_some_and(|sub| keys::host_openid(host.reseller, sub) == key),
                };
                let held = host.is_some_and(own);
                self.expect(held, || format!("{key:?} is held for nobody: {item}"));
            }
        }
        for (key, room) in self
            .all("ROOM")
            .into_iter()
            .filter(|(key, _)| key.pk.starts_with("CODE#"))
        {
            let given_up = room.get("closed").is_some() || room.get("retired").is_some();
            if room["kind"] != "host" || given_up {
                continue;
            }
            let host = room["host"].as_u64().and_then(HostId::new);
            let host = host
                .and_then(|id| self.hosts.get(&id))
                .filter(|host| host.deleting.is_none());
            let held = host.is_some_and(|host| keys::room(host.access_code) == key);
            self.expect(held, || format!("{key:?} is held for nobody: {room}"));
        }
    }

    fn contacts_have_their_guards(&mut self) {
        for contact in self.contacts.clone().into_values() {
            let Some(host) = self.hosts.get(&contact.host) else {
                self.faults
                    .push(format!("contact {} is in nobody's address book", contact.id));
                continue;
            };
            let reseller = host.reseller;
            let guard = keys::contact_email(reseller, contact.host, &contact.email);
            self.expect_points(&guard, "contact", contact.id.value());
            let listed = keys::contact_list(reseller, contact.host, contact.created, contact.id);
            self.expect_listed(&keys::contact(reseller, contact.id), Some(&listed));
        }
        for (key, item) in self.all("CONTACT-EMAIL#") {
            let contact = item["contact"].as_u64();
            let held = self.contacts.values().any(|known| {
                let of = self.hosts.get(&known.host).map(|host| host.reseller);
                let guard = of.map(|reseller| keys::contact_email(reseller, known.host, &known.email));
                Some(known.id.value()) == contact && guard.as_ref() == Some(&key)
            });
            self.expect(held, || format!("{key:?} is held for nobody: {item}"));
        }
    }
}
