use domain::company::Reseller;
use store::{MailsLeft, Store, Suppressed};

use super::world::{World, minute, noon, operator};

/// So many take mails of a reseller's, of one day, until there are none: how many they took, and the most at once.
async fn taken(store: &Store, reseller: &Reseller) -> (u32, u32) {
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (store, id) = (store.clone(), reseller.id);
            tokio::spawn(async move {
                let (mut all, mut most) = (0, 0);
                loop {
                    match store.mails_take(id, noon()).await {
                        Ok(MailsLeft::Some(some)) => (all, most) = (all + some, most.max(some)),
                        Ok(MailsLeft::None) => return (all, most),
                        // Seven others were faster each time.
                        Err(store::Error::Raced) => {}
                        other => panic!("{other:?}"),
                    }
                }
            })
        })
        .collect();
    let (mut all, mut most) = (0, 0);
    for task in tasks {
        let (some, at_once) = task.await.expect("runs");
        (all, most) = (all + some, most.max(at_once));
    }
    (all, most)
}

pub async fn no_more_mails_are_taken_than_a_day_holds(store: &Store) {
    let world = World::new(store).await;
    let before = &world.reseller;
    assert_eq!(
        store.mails_take(before.id, noon()).await.expect("taken"),
        MailsLeft::All
    );
    let of = |daily| Reseller {
        daily_mails: daily,
        ..before.clone()
    };
    let set = async |from: &Reseller, to: &Reseller| {
        store.reseller_update(from, to, &operator("init")).await.expect("set");
    };
    let (some, more) = (of(Some(300)), of(Some(310)));
    set(before, &some).await;
    assert_eq!(taken(store, &some).await, (300, 18));
    set(&some, &more).await;
    assert_eq!(taken(store, &more).await, (10, 1));
    // A day of UTC ends at midnight.
    let midnight = minute(12 * 60);
    let at = async |at| store.mails_take(before.id, at).await.expect("taken");
    assert_eq!(at(minute(12 * 60 - 1)).await, MailsLeft::None);
    assert_eq!(at(midnight).await, MailsLeft::Some(19));
    // What was counted already is not less for it.
    set(&more, &of(Some(5))).await;
    assert_eq!(at(midnight).await, MailsLeft::None);
}

pub async fn addresses_that_take_no_mail_are_kept_by_company(store: &Store) {
    let world = World::new(store).await;
    let reseller = world.reseller.id;
    let (here, there) = (
        world.company.id,
        World::company_of(store, &world.reseller, "other").await.id,
    );
    let email = |n: u32| format!("Gone{n}@guest.example").parse().expect("an address");
    let (gone, angry) = (email(0), email(1));
    for (address, why) in [
        (&gone, Suppressed::Bounce),
        (&angry, Suppressed::Complaint),
        (&angry, Suppressed::Bounce),
    ] {
        let kept = store.mail_suppress((reseller, here), address, why, noon()).await;
        kept.expect("kept");
    }
    let kept = store.mail_suppress((reseller, there), &gone, Suppressed::Bounce, noon());
    kept.await.expect("kept");
    let shouted = "GONE0@GUEST.example".parse().expect("an address");
    let read = store.mail_suppressed((reseller, here), &shouted, noon()).await;
    assert_eq!(read.expect("read"), Some(Suppressed::Bounce));
    let both = store
        .mails_suppressed((reseller, there), &[&angry, &gone], noon())
        .await;
    assert_eq!(both.expect("read"), [None, Some(Suppressed::Bounce)]);
    let by = store.mail_suppressed_by(reseller, &gone, noon()).await.expect("read");
    assert_eq!(by.len(), 2);
    let after = minute(60 * 24 * 90);
    let by = store.mail_suppressed_by(reseller, &gone, after).await.expect("read");
    assert!(by.is_empty(), "{by:?}");
    let of = async |company, at| {
        let listed = store.mails_suppressed_of((reseller, company), at).await.expect("read");
        listed.expect("few")
    };
    let listed = of(here, after).await;
    assert_eq!(
        (listed.why(&gone), listed.why(&angry)),
        (None, Some(Suppressed::Complaint))
    );

    // More than are taken away at once.
    for n in 2..60 {
        let address = email(n);
        let kept = store.mail_suppress((reseller, here), &address, Suppressed::Bounce, noon());
        kept.await.expect("kept");
    }
    let mut steps = 1;
    while store.mails_suppressed_forget(reseller, here).await.expect("forgotten") {
        steps += 1;
    }
    assert_eq!(steps, 2);
    let listed = of(here, noon()).await;
    assert_eq!((listed.why(&gone), listed.why(&angry)), (None, None));
    assert_eq!(of(there, noon()).await.why(&gone), Some(Suppressed::Bounce));
}
