//! From a command to a call of the service, ready to be turned, and what the model must know of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use countersign_core::id::{Digest, RequestId};
use countersign_service::Refusal;
use countersign_service::caller::Caller;
use countersign_service::requests::ask::{Ask, AskedBy};
use countersign_service::requests::vote::Ballot;

use crate::command::{Calls, Named, Seen};
use crate::laws::{NUMBERS, bundle};
use crate::model::{Asked, Asker, Call, Challenge, Model, Request, Way};
use crate::rig::{SUBJECTS, names};
use crate::run::Run;
use crate::wheel::Task;
use crate::world::Names;

/// A yes, with what it says.
#[derive(Debug)]
pub(crate) enum Told {
    Submitted { id: RequestId, again: bool },
    Done,
}

pub(crate) type Answer = Result<Told, Refusal>;

pub(crate) struct Made {
    pub(crate) call: Call,
    pub(crate) task: Task<Answer>,
}

impl Challenge {
    pub(crate) fn new(now: i64, mail: usize, starts: u32, since: i64) -> Self {
        Self { live: true, wrong: 0, starts, since, ends: now + 10 * 60_000, mail }
    }

    pub(crate) fn next(self, now: i64, mail: usize) -> Self {
        let again = now - self.since < 15 * 60_000;
        if again { Self::new(now, mail, self.starts + 1, self.since) } else { Self::new(now, mail, 1, now) }
    }
}

impl Made {
    /// Nothing, if what the command names is not there.
    pub(crate) fn of(run: &Run, node: usize, calls: &Calls) -> Option<Self> {
        let (rig, model) = (&run.rig, &run.model);
        let service = Arc::clone(&rig.nodes[node]);
        let caller = |name: &str| rig.callers[name].clone();
        let request = |of: u32| model.labelled(of);
        let made = |call: Call, task: Task<Answer>| Some(Self { call, task });
        match *calls {
            Calls::Submit { n, action, subject, by, named, key } => {
                let asked = Asked {
                    n,
                    action,
                    by,
                    names: if action == "purge" { Names::new() } else { named_as(subject, named) },
                    key,
                };
                let ask = ask(&asked);
                let caller = caller(match by {
                    Asker::Subject => "portal",
                    Asker::Stan => "stan",
                    Asker::Desk => "helpdesk",
                });
                let task = Task::new(async move {
                    let receipt = service.submit(&caller, ask).await?;
                    Ok(Told::Submitted { id: receipt.picture.row.id, again: receipt.again })
                });
                made(Call::Submit { asked }, task)
            }
            Calls::Start { of } => {
                let request = request(of).filter(|it| Call::is_of_subject(&it.asked))?;
                let (id, caller) = (request.id, Caller::Subject(request.id));
                let task = Task::new(async move {
                    service.start_verification(&caller, id, "email").await.map(|_| Told::Done)
                });
                made(Call::Start { of: id }, task)
            }
            Calls::Code { of, right } => {
                let request = request(of).filter(|it| Call::is_of_subject(&it.asked))?;
                let sent = request.challenge.as_ref().and_then(|it| rig.code(request.id, it.mail));
                let code = if right { sent? } else { wrong(sent.as_deref(), 8) };
                let (id, caller) = (request.id, Caller::Subject(request.id));
                let task = Task::new(async move {
                    service.verify(&caller, id, "email", &code).await.map(|_| Told::Done)
                });
                made(Call::Code { of: id, right }, task)
            }
            Calls::Totp { of, right } => {
                let request = request(of).filter(|it| Call::is_of_subject(&it.asked))?;
                // Whoever the sources hold as the subject, and has a device.
                let device = SUBJECTS.iter().zip(0..).find_map(|((name, _), subject)| {
                    let secret = rig.devices.get(*name)?;
                    let known = request.emails.contains(&names(subject).0);
                    known.then(|| ((*name).to_owned(), rig.device_shows(secret)))
                });
                let shown = device.as_ref().map(|(_, (_, code))| &**code);
                let code = match shown {
                    Some(shown) if right => shown.to_owned(),
                    shown => wrong(shown, 6),
                };
                let device = device.map(|(name, (step, _))| (name, step));
                let (id, caller) = (request.id, Caller::Subject(request.id));
                let task =
                    Task::new(
                        async move { service.verify(&caller, id, "totp", &code).await.map(|_| Told::Done) },
                    );
                made(Call::Totp { of: id, device, right }, task)
            }
            Calls::Fetch { of } => {
                let request = request(of).filter(|it| Call::is_of_subject(&it.asked))?;
                let (id, caller) = (request.id, Caller::Subject(request.id));
                let task =
                    Task::new(async move { service.fetch_package(&caller, id).await.map(|_| Told::Done) });
                made(Call::Fetch { of: id }, task)
            }
            Calls::Vote { of, by, seat, approve, seen, tight } => {
                let request = request(of)?;
                let (ballot, digest) = ballot(model, request, seat, approve, seen, tight);
                let (id, caller) = (request.id, caller(by));
                let call = Call::Vote { of: id, by: rig.people[by], seat, digest, approve };
                made(
                    call,
                    Task::new(async move { service.vote(&caller, id, ballot).await.map(|_| Told::Done) }),
                )
            }
            Calls::Withdraw { of, own } => {
                let request = request(of)?;
                let id = request.id;
                let who = match (own, request.asked.by) {
                    (false, _) => caller("ben"),
                    (true, Asker::Subject) => Caller::Subject(id),
                    (true, Asker::Stan) => caller("stan"),
                    (true, Asker::Desk) => caller("helpdesk"),
                };
                let task = Task::new(async move { service.withdraw(&who, id).await.map(|_| Told::Done) });
                made(Call::Withdraw { of: id, own }, task)
            }
            Calls::Hold { name, subject, named } => {
                let subject = named_as(subject, named);
                let (name, caller) = (format!("case-{name}"), caller("admin"));
                let now = rig.world.look();
                let roots: BTreeSet<_> = now.holders(&subject).iter().map(|row| row.root.clone()).collect();
                let away = rig.world.is_away("shop") || rig.world.is_away("crm");
                let call = Call::Hold { name: name.clone(), roots, away };
                let task =
                    async move { service.place_hold(&caller, &name, &subject).await.map(|_| Told::Done) };
                made(call, Task::new(task))
            }
            Calls::Lift { name } => {
                let (name, caller) = (format!("case-{name}"), caller("admin"));
                let call = Call::Lift { name: name.clone() };
                made(
                    call,
                    Task::new(async move { service.lift_hold(&caller, &name).await.map(|()| Told::Done) }),
                )
            }
            Calls::Seat { of, seat, held } => {
                let (person, caller) = (rig.people[of], caller("admin"));
                let task =
                    async move { service.set_seat(&caller, person, seat, held).await.map(|_| Told::Done) };
                made(Call::Seat { person, seat, held }, Task::new(task))
            }
            Calls::Apply { numbers } => {
                let (numbers, caller) = (NUMBERS[numbers], caller("admin"));
                let bundle = bundle(&rig.spans, &numbers);
                let task =
                    async move { service.apply(&caller, bundle, None, false).await.map(|_| Told::Done) };
                made(Call::Apply { numbers }, Task::new(task))
            }
            Calls::Settle { of, way } => {
                let (id, otto) = (request(of)?.id, caller("otto"));
                let task = Task::new(async move {
                    match way {
                        Way::Retry => service.retry(&otto, id).await,
                        Way::Accept => service.accept(&otto, id, None).await,
                        Way::Abandon => service.abandon(&otto, id, None).await,
                    }
                    .map(|_| Told::Done)
                });
                made(Call::Settle { of: id, way }, task)
            }
        }
    }

    /// What the model must know before the call is made.
    pub(crate) fn prepare(&self, model: &mut Model) {
        match &self.call {
            Call::Hold { name, roots, away: false }
                if !roots.is_empty() && !model.holds.contains_key(name) =>
            {
                model.placing.insert(name.clone(), roots.clone());
            }
            Call::Code { of, right: true } => {
                model.requests.get_mut(of).map(|it| it.proving.insert("email"));
            }
            Call::Totp { of, right: true, .. } => {
                model.requests.get_mut(of).map(|it| it.proving.insert("totp"));
            }
            _ => {}
        }
    }
}

fn ask(asked: &Asked) -> Ask {
    let purges = asked.action == "purge";
    Ask {
        action: asked.action.to_owned(),
        by: if asked.by == Asker::Subject && !purges { AskedBy::Subject } else { AskedBy::Caller },
        subject: asked.names.clone(),
        dataset: purges.then(|| "shop/app_log".to_owned()),
        parameters: if purges { [("older_than".to_owned(), "90d".to_owned())].into() } else { Names::new() },
        idempotency_key: asked.key.map(|key| format!("key {key}")),
        ..Ask::default()
    }
}

fn named_as(subject: usize, named: Named) -> Names {
    let (email, account) = names(subject);
    let other = names((subject + 1) % SUBJECTS.len()).1;
    let names: Vec<(&str, String)> = match named {
        Named::Email => vec![("email", email)],
        Named::Account => vec![("account", account)],
        Named::Both => vec![("email", email), ("account", account)],
        Named::Mixed => vec![("email", email), ("account", other)],
    };
    names.into_iter().map(|(kind, value)| (kind.to_owned(), value)).collect()
}

fn ballot(
    model: &Model,
    request: &Request,
    seat: &str,
    approve: bool,
    seen: Seen,
    tight: bool,
) -> (Ballot, Digest) {
    let other = model.requests.values().filter(|it| it.id != request.id).find_map(|it| it.survey.as_ref());
    let survey = match seen {
        Seen::Present => request.survey.as_ref(),
        Seen::Other => other,
    };
    let digest = survey.map_or(Digest::from_bytes([7; 32]), |survey| survey.digest);
    let ceiling = request.survey.as_ref().filter(|_| tight).map(|survey| survey.counts.clone());
    (Ballot { approve, seat: seat.to_owned(), digest, ceiling, reason: None }, digest)
}

/// Some digits that are not these.
fn wrong(right: Option<&str>, digits: usize) -> String {
    let last = match right.and_then(|right| right.chars().last()) {
        Some('9') | None => '0',
        Some(last) => char::from_u32(last as u32 + 1).unwrap_or('0'),
    };
    let mut code: String = right.map_or("0".repeat(digits - 1), |right| right[..digits - 1].to_owned());
    code.push(last);
    code
}
