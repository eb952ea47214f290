//! Link tokens, made before the load as a mailing is: by `voxgate link --csv`, with the gateways' configuration.

use std::{
    collections::{BTreeSet, HashMap},
    path::Path,
    process::Command,
};

use anyhow::{Context as _, ensure};

use crate::chaos::plan::{Person, Proof, Request, Step};

/// The token of each person who needs one.
#[derive(Debug, Default)]
pub(crate) struct Tokens(HashMap<u32, String>);

impl Tokens {
    /// Makes those that a plan needs.
    pub(crate) fn make(voxgate: &Path, config: &Path, dir: &Path, plan: &[Request]) -> anyhow::Result<Self> {
        let needed = plan.iter().filter(|request| request.way.needs_token());
        let people = needed.flat_map(|request| &request.steps).map(|step| step.person);
        let people: BTreeSet<_> = people.filter(|person| person.proof == Proof::References).collect();
        Self::of_people(voxgate, config, dir, &people.into_iter().collect::<Vec<_>>())
    }

    /// Makes one for each of these.
    pub(crate) fn of_people(
        voxgate: &Path,
        config: &Path,
        dir: &Path,
        people: &[Person],
    ) -> anyhow::Result<Self> {
        let (orders, links) = (dir.join("orders.csv"), dir.join("links.csv"));
        let mut written = csv::Writer::from_path(&orders)?;
        written.write_record(["interaction", "respondent"])?;
        for person in people {
            written.write_record([person.interaction(), person.respondent()])?;
        }
        written.flush()?;
        let mut command = Command::new(voxgate);
        command.args(["link", "--survey", "support-nps", "--brand", "acme", "--locale", "en"]);
        command.arg("--config").arg(config).arg("--csv").arg(&orders).arg("--out").arg(&links);
        let made = command.output().with_context(|| format!("{} does not start", voxgate.display()))?;
        ensure!(made.status.success(), "links cannot be made: {}", String::from_utf8_lossy(&made.stderr));
        Self::read(&links)
    }

    fn read(links: &Path) -> anyhow::Result<Self> {
        let mut tokens = HashMap::new();
        for row in csv::Reader::from_path(links)?.records() {
            let row = row?;
            // Columns: interaction, respondent, token, url, opt_out_url, error.
            let person = row.get(1).and_then(Person::number_of).context("a link of nobody")?;
            let token = row.get(2).filter(|token| !token.is_empty()).context("a link was refused")?;
            tokens.insert(person, token.to_owned());
        }
        Ok(Self(tokens))
    }

    pub(super) fn of(&self, step: &Step) -> anyhow::Result<&str> {
        let token = self.0.get(&step.person.number).map(String::as_str);
        token.with_context(|| format!("no link was made for {:?}", step.person))
    }
}
