//! Asking one server: when to ask, how long to wait, when silence is silence. Nothing is judged here; what came back is
//! handed on as it came.
//!
//! A fresh socket and a random id for every query, so that an ICMP error belongs to its query and answers cannot be
//! mixed up. Times after RFC 6298, RFC 8085 and RFC 1035 section 4.2.1: probes close together while answers come,
//! spaced from the first silence on, at most four unanswered repeats of one question.

use super::asked::{Asked, Asking, Roll, Silent, Tcp, Word, is_empty, is_truncated};
use super::message::{Answer, Question, read};
use super::pace::{FIRST_QUERIES, LONGEST, end_of_series, next_look, patience, query_due, suspect_at};
use crate::patience::stood_still;
use crate::world::{Dial, Failure, Network};
use futures_util::future::{join, join_all, join3};
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::cell::RefCell;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

/// TCP and the control name are asked beside the series once the third query is out.
const BESIDE_AFTER: Duration = FIRST_QUERIES[2];
/// TCP beside a silent series: ends with it, and lets the kernel repeat its SYN once.
const TCP_BESIDE_WAIT: Duration = Duration::from_millis(1400);
/// TCP after a truncated answer: two SYNs, a second apart, and a round trip.
const TCP_WAIT: Duration = Duration::from_millis(2000);
/// Spacing of repeats while answers come.
const REPEAT_SPACING: Duration = Duration::from_millis(20);
/// Spacing of repeats after one was lost: bursts of loss are often as long as this.
const LOSS_SPACING: Duration = Duration::from_millis(100);
/// Repeats after one was lost: with the ones before, enough to see every third one missing at least three times.
const LOSS_QUERIES: usize = 6;
/// Tries of a control or random name, and of a type that stayed silent.
const FEW: usize = 2;
/// How long each of these is waited for (RFC 6298 section 2.1).
const FEW_WAIT: Duration = Duration::from_millis(1000);

/// Queries sent, answers received.
#[derive(Debug, Default)]
struct Tally {
    queries: u32,
    answered: u32,
    quickest: Option<Duration>,
    last: Option<Duration>,
}

/// One server in one run of the probe.
pub(super) struct Server<'a> {
    network: &'a dyn Network,
    to: SocketAddr,
    deadline: Instant,
    roll: &'a Roll,
    index: usize,
    /// Told once when silence becomes a suspicion.
    suspect: &'a dyn Fn(Silent),
    tally: RefCell<Tally>,
}

/// The first question's series: its word, the time of the answer, and the silence if it was one.
struct Opening {
    word: Word,
    took: Option<Duration>,
    silent: Option<Silent>,
    /// Only queries without EDNS were answered.
    plain_only: bool,
}

/// The query of a series that goes out without EDNS. Programs mostly ask like that, so that a server or a filter that
/// leaves EDNS unanswered is none that is silent.
const PLAIN_QUERY: usize = 2;

impl<'a> Server<'a> {
    pub(super) fn new(
        network: &'a dyn Network,
        to: SocketAddr,
        deadline: Instant,
        roll: &'a Roll,
        index: usize,
        suspect: &'a dyn Fn(Silent),
    ) -> Self {
        Server { network, to, deadline, roll, index, suspect, tally: RefCell::default() }
    }

    /// The same server for questions that are not counted: control and random names.
    fn aside(&self) -> Server<'a> {
        Server { tally: RefCell::default(), ..*self }
    }

    /// Asks. Ends within about four seconds where nobody answers, or at the deadline.
    pub(super) async fn ask(&self, asking: &Asking) -> Asked {
        let Some((first, rest)) = asking.questions.split_first() else {
            return self.finish(Opening { word: Word::Cut, took: None, silent: None, plain_only: false });
        };
        let mut others: Vec<Option<Word>> = vec![None; rest.len()];
        let mut beside = pin!(async {
            sleep(BESIDE_AFTER).await;
            join(self.over_tcp(first, TCP_BESIDE_WAIT), self.few(asking.control.as_ref())).await
        });
        let mut beside_done = None;
        let opening = {
            let mut opening = pin!(self.open(first, rest, &mut others));
            loop {
                tokio::select! {
                    biased;
                    opening = &mut opening => break opening,
                    done = &mut beside, if beside_done.is_none() => beside_done = Some(done),
                }
            }
        };
        match &opening.word {
            Word::Silence => {
                let ((tcp, tcp_answer), control) = match beside_done {
                    Some(done) => done,
                    None => beside.await,
                };
                Asked { tcp, tcp_answer, control, ..self.finish(opening) }
            }
            Word::Cut => self.finish(opening),
            word if opening.plain_only => {
                let control = if is_empty(word) { self.few(asking.control.as_ref()).await } else { None };
                self.without_edns(asking, opening.word, control).await
            }
            word if word.is_noerror() => self.after_answer(asking, opening, others).await,
            word if word.wants_second_try() => self.after_refusal(asking, opening).await,
            _ => {
                let (control, random, (tcp, tcp_answer)) = join3(
                    self.few(asking.control.as_ref()),
                    self.few(asking.random.as_ref()),
                    self.tcp_if(asking.tcp, first),
                )
                .await;
                Asked { control, random, tcp, tcp_answer, ..self.finish(opening) }
            }
        }
    }

    fn finish(&self, opening: Opening) -> Asked {
        let tally = self.tally.borrow();
        Asked {
            word: opening.word,
            second: None,
            others: Vec::new(),
            silent: opening.silent,
            queries: tally.queries,
            answered: tally.answered,
            took: opening.took,
            quickest: tally.quickest,
            tcp: Tcp::NotAsked,
            tcp_answer: None,
            control: None,
            random: None,
            without_edns: false,
        }
    }

    /// The first type's series, with one query of each further type in flight beside it: those are repeated only once
    /// the server is known to answer, so that a dead one gets no more than four queries for the name and one each.
    async fn open(&self, first: &Question, rest: &[Question], others: &mut [Option<Word>]) -> Opening {
        let mut flights: FuturesUnordered<_> = rest
            .iter()
            .enumerate()
            .map(|(index, question)| async move { (index, self.attempt(question, true, LONGEST).await) })
            .collect();
        let mut series = pin!(self.series(first));
        let opening = loop {
            tokio::select! {
                biased;
                opening = &mut series => break opening,
                Some((index, word)) = flights.next() => others[index] = Some(word),
            }
        };
        if opening.word.is_noerror() {
            let patience = patience(opening.took);
            let _ = timeout(self.within(patience), async {
                while let Some((index, word)) = flights.next().await {
                    others[index] = Some(word);
                }
            })
            .await;
        } else {
            self.waive(flights.len());
        }
        opening
    }

    /// The same question until somebody answers or silence is silence.
    async fn series(&self, question: &Question) -> Opening {
        let start = Instant::now();
        let mut stalled = Duration::ZERO;
        let mut sent: Vec<Instant> = Vec::new();
        let mut suspected = false;
        let mut flights = FuturesUnordered::new();
        loop {
            let age = start.elapsed().saturating_sub(stalled);
            let sibling = self.roll.sibling(self.index);
            if query_due(sent.len(), sibling.is_some()).is_some_and(|due| age >= due) {
                sent.push(Instant::now());
                // The one just noted is the last of them.
                let edns = sent.len() - 1 != PLAIN_QUERY;
                flights.push(async move { (edns, self.attempt(question, edns, LONGEST).await) });
                continue;
            }
            let silent = Silent { queries: sent.len() as u32, waited: age, sibling, confirmed: false };
            if !suspected && age >= suspect_at(sibling.is_some()) {
                suspected = true;
                (self.suspect)(silent);
            }
            let end = end_of_series(&sent, start, stalled, sibling.is_some());
            let now = Instant::now();
            if end.is_some_and(|end| now >= end) {
                let silent = Silent { confirmed: true, ..silent };
                return Opening { word: Word::Silence, took: None, silent: Some(silent), plain_only: false };
            }
            if now >= self.deadline {
                let word = if suspected { Word::Silence } else { Word::Cut };
                return Opening { word, took: None, silent: suspected.then_some(silent), plain_only: false };
            }
            let wake = next_look(start + stalled, age, end).min(self.deadline);
            tokio::select! {
                biased;
                Some((edns, word)) = flights.next() => if word != Word::Silence {
                    return self.settle(question, (edns, word), &sent, flights).await;
                },
                () = sleep_until(wake) => stalled += stood_still(wake),
            }
        }
    }

    /// A word was heard. Where it is an answer, queries before and after it get their time too, so that lost ones are
    /// counted as lost and slow ones as slow.
    async fn settle(
        &self,
        question: &Question,
        (mut edns, word): (bool, Word),
        sent: &[Instant],
        mut flights: FuturesUnordered<impl Future<Output = (bool, Word)>>,
    ) -> Opening {
        let took = self.tally.borrow().last;
        if word.is_noerror() {
            let until = sent.last().map_or_else(Instant::now, |last| *last + patience(took)).min(self.deadline);
            while let Ok(Some((with, word))) = timeout_at(until, flights.next()).await {
                edns |= with && word != Word::Silence;
            }
        } else {
            self.waive(flights.len());
        }
        // Packets that are lost hit either kind; what leaves EDNS unanswered does so again.
        let plain_only = !edns && word.is_noerror() && {
            let again = self.aside().first_of(question, FEW, FIRST_QUERIES[1], patience(took)).await;
            again == Word::Silence
        };
        Opening { word, took, silent: None, plain_only }
    }

    /// The name exists: finish the other types, repeat to see whether every query is answered, and use TCP where the
    /// answer did not fit.
    async fn after_answer(&self, asking: &Asking, opening: Opening, others: Vec<Option<Word>>) -> Asked {
        let first = &asking.questions[0];
        let rest = &asking.questions[1..];
        let patience = patience(opening.took);
        let truncated = is_truncated(&opening.word) || others.iter().flatten().any(is_truncated);
        let repeats = 2 * asking.repeat as usize;
        let ((others, _), random, (tcp, tcp_answer)) = join3(
            join(self.complete(rest, others), self.all_of(first, repeats, REPEAT_SPACING, patience)),
            self.few(asking.random.as_ref()),
            self.tcp_if(asking.tcp || truncated, first),
        )
        .await;
        let lost = {
            let tally = self.tally.borrow();
            tally.queries > tally.answered
        };
        if lost && asking.repeat > 0 {
            self.all_of(first, LOSS_QUERIES, LOSS_SPACING, patience).await;
        }
        let control = match is_empty(&opening.word) && others.iter().all(|(_, word)| is_empty(word)) {
            true => self.few(asking.control.as_ref()).await,
            false => None,
        };
        Asked { others, random, tcp, tcp_answer, control, ..self.finish(opening) }
    }

    /// Asks the types again that stayed silent or failed while the first was answered.
    async fn complete(&self, rest: &[Question], others: Vec<Option<Word>>) -> Vec<(String, Word)> {
        let mut done = Vec::with_capacity(rest.len());
        for (question, word) in rest.iter().zip(others) {
            let word = match word {
                Some(Word::Answer(answer)) if answer.is_about_name() => Word::Answer(answer),
                _ => self.first_of(question, FEW, FIRST_QUERIES[1], FEW_WAIT).await,
            };
            done.push((question.kind_word(), word));
        }
        done
    }

    /// An explicit word that is not about the name: one more try at once, and the control name beside it.
    async fn after_refusal(&self, asking: &Asking, opening: Opening) -> Asked {
        let first = &asking.questions[0];
        let edns = !opening.word.refuses_edns();
        let (second, control) =
            join(self.attempt(first, edns, self.within(FEW_WAIT)), self.few(asking.control.as_ref())).await;
        if !edns && matches!(&second, Word::Answer(answer) if answer.is_about_name()) {
            return self.without_edns(asking, second, control).await;
        }
        Asked { second: Some(second), control, ..self.finish(opening) }
    }

    /// The server is an old one that answers plain queries only. That is no fault, so the plain answers count.
    async fn without_edns(&self, asking: &Asking, word: Word, control: Option<Word>) -> Asked {
        let took = self.tally.borrow().last;
        {
            // What went out with EDNS was not lost but ignored.
            let mut tally = self.tally.borrow_mut();
            tally.queries = tally.answered;
        }
        let mut others = Vec::new();
        if word.is_noerror() {
            for question in &asking.questions[1..] {
                others.push((question.kind_word(), self.attempt(question, false, self.within(FEW_WAIT)).await));
            }
        }
        let opening = Opening { word, took, silent: None, plain_only: true };
        Asked { others, control, without_edns: true, ..self.finish(opening) }
    }

    /// Each question with few tries and no judgement: for a server that is only a control.
    pub(super) async fn briefly(&self, questions: &[Question]) -> Vec<Word> {
        join_all(questions.iter().map(|question| self.first_of(question, FEW, FIRST_QUERIES[1], FEW_WAIT))).await
    }

    /// One query.
    async fn attempt(&self, question: &Question, edns: bool, wait: Duration) -> Word {
        let id: u16 = rand::random();
        let bytes = match question.encode(id, edns) {
            Ok(bytes) => bytes,
            Err(error) => return Word::Failure(Failure::Other(error)),
        };
        self.tally.borrow_mut().queries += 1;
        match self.network.exchange(self.to, &bytes, &Dial::within(wait)).await {
            Ok(reply) => match read(question, id, &reply.bytes) {
                Ok(answer) => {
                    self.note_answer(reply.took);
                    Word::Answer(answer)
                }
                Err(why) => Word::Garbage(why),
            },
            Err(Failure::Timeout) => Word::Silence,
            Err(failure) => Word::Failure(failure),
        }
    }

    fn note_answer(&self, took: Duration) {
        let mut tally = self.tally.borrow_mut();
        tally.answered += 1;
        tally.last = Some(took);
        tally.quickest = Some(tally.quickest.map_or(took, |quickest| quickest.min(took)));
        self.roll.heard(self.index, took);
    }

    /// Queries in flight that nobody waits for any more say nothing, so they are not counted.
    fn waive(&self, flights: usize) {
        let mut tally = self.tally.borrow_mut();
        tally.queries = tally.queries.saturating_sub(flights as u32);
    }

    fn within(&self, wanted: Duration) -> Duration {
        wanted.min(self.deadline.saturating_duration_since(Instant::now()))
    }

    /// A side question, uncounted; none where there is none.
    async fn few(&self, question: Option<&Question>) -> Option<Word> {
        Some(self.aside().first_of(question?, FEW, FIRST_QUERIES[1], FEW_WAIT).await)
    }

    /// The first word that is not silence, of `count` queries.
    async fn first_of(&self, question: &Question, count: usize, spacing: Duration, wait: Duration) -> Word {
        let mut flights = self.spaced(question, count, spacing, wait);
        while let Some(word) = flights.next().await {
            if word != Word::Silence {
                return word;
            }
        }
        Word::Silence
    }

    /// Every word of `count` queries.
    async fn all_of(&self, question: &Question, count: usize, spacing: Duration, wait: Duration) -> Vec<Word> {
        self.spaced(question, count, spacing, wait).collect().await
    }

    fn spaced<'q>(
        &'q self,
        question: &'q Question,
        count: usize,
        spacing: Duration,
        wait: Duration,
    ) -> FuturesUnordered<impl Future<Output = Word> + 'q> {
        (0..count)
            .map(|turn| async move {
                sleep(self.within(spacing * turn as u32)).await;
                self.attempt(question, true, self.within(wait)).await
            })
            .collect()
    }

    async fn tcp_if(&self, wanted: bool, question: &Question) -> (Tcp, Option<Answer>) {
        if wanted { self.over_tcp(question, TCP_WAIT).await } else { (Tcp::NotAsked, None) }
    }

    /// The question over TCP (RFC 7766).
    async fn over_tcp(&self, question: &Question, wait: Duration) -> (Tcp, Option<Answer>) {
        let wait = self.within(wait);
        match timeout(wait, self.tcp_exchange(question, wait)).await {
            Ok(Ok(answer)) => (Tcp::Ok, Some(answer)),
            Ok(Err(tcp)) => (tcp, None),
            Err(_) => (Tcp::Timeout, None),
        }
    }

    async fn tcp_exchange(&self, question: &Question, wait: Duration) -> Result<Answer, Tcp> {
        let mut stream = match self.network.connect(self.to, &Dial::within(wait)).await {
            Ok(connection) => connection.stream,
            Err(Failure::Timeout) => return Err(Tcp::Timeout),
            Err(Failure::Refused) => return Err(Tcp::Refused),
            Err(_) => return Err(Tcp::Failed),
        };
        let id: u16 = rand::random();
        let query = question.encode(id, true).map_err(|_| Tcp::Failed)?;
        let length = u16::try_from(query.len()).map_err(|_| Tcp::Failed)?;
        let framed = [&length.to_be_bytes()[..], &query].concat();
        stream.write_all(&framed).await.map_err(|_| Tcp::Failed)?;
        stream.flush().await.map_err(|_| Tcp::Failed)?;
        let length = stream.read_u16().await.map_err(|_| Tcp::Failed)?;
        let mut bytes = vec![0; usize::from(length)];
        stream.read_exact(&mut bytes).await.map_err(|_| Tcp::Failed)?;
        read(question, id, &bytes).map_err(|_| Tcp::Failed)
    }
}
