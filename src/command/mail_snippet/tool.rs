//! What each tool puts in place of a link. From the vendors' documentation; no account of theirs was used.

use clap::ValueEnum;

use crate::{
    catalog::Brand,
    survey::{Language, Survey},
};

/// A tool that sends mails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Tool {
    /// Ticket fields that an integration fills with links
    Zendesk,
    /// Contact properties that an integration fills with links
    Hubspot,
    /// Marketing Cloud: columns of the data extension, from `voxgate link --csv`
    Salesforce,
    /// Links that Liquid signs with a link secret
    Braze,
    /// {{url}} and {{opt_out_url}}, to be replaced by whatever sends the mail
    Plain,
}

/// What stands where links belong.
#[derive(Clone, Debug)]
pub(super) struct Places {
    /// What the tool has to be told first; empty when nothing.
    pub(super) preamble: String,
    /// The survey page.
    pub(super) page: String,
    /// Around a score, the page with it preselected.
    before_score: String,
    after_score: String,
    /// Where the person opts out.
    pub(super) opt_out: String,
}

impl Places {
    /// The page with a score preselected.
    pub(super) fn score(&self, score: i32) -> String {
        format!("{}{score}{}", self.before_score, self.after_score)
    }

    /// Of a placeholder for the long link.
    fn of(url: &str, opt_out: &str) -> Self {
        Self {
            preamble: String::new(),
            page: url.to_owned(),
            before_score: format!("{url}/"),
            after_score: String::new(),
            opt_out: opt_out.to_owned(),
        }
    }
}

impl Tool {
    /// Its placeholders.
    pub(super) fn places(self, brand: &Brand, survey: &Survey, locale: Option<&Language>) -> Places {
        match self {
            Self::Plain => Places::of("{{url}}", "{{opt_out_url}}"),
            Self::Zendesk => {
                Places::of("{{ticket.ticket_field_360012345678}}", "{{ticket.ticket_field_360012345679}}")
            }
            Self::Hubspot => Places::of("{{ contact.feedback_url }}", "{{ contact.feedback_opt_out_url }}"),
            Self::Salesforce => salesforce(),
            Self::Braze => braze(brand, survey, locale),
        }
    }

    /// For the head of the mail.
    pub(super) fn headers(self, places: &Places) -> String {
        match self {
            // Its own link is a page, and takes no one-click; it writes the header itself.
            Self::Braze => String::new(),
            _ => format!(
                "List-Unsubscribe: <{}>\nList-Unsubscribe-Post: List-Unsubscribe=One-Click",
                places.opt_out
            ),
        }
    }

    /// What has to be done beside pasting.
    pub(super) const fn advice(self) -> &'static str {
        match self {
            Self::Plain => {
                "replace {{url}} and {{opt_out_url}} by those that `voxgate link` or POST /v1/links made for the person"
            }
            Self::Zendesk => {
                "replace the two numbers by the ids of ticket fields that your integration fills with url and \
                 opt_out_url from POST /v1/links; Zendesk sends no headers of yours"
            }
            Self::Hubspot => {
                "fill the contact properties feedback_url and feedback_opt_out_url from POST /v1/links before the \
                 mail is sent; HubSpot writes a List-Unsubscribe of its own"
            }
            Self::Salesforce => {
                "import url and opt_out_url of `voxgate link --csv` into the data extension; paste the headers only \
                 where your account lets you, it writes a List-Unsubscribe of its own otherwise"
            }
            Self::Braze => {
                "replace LINK-SECRET by a link secret of the brand, and ticket_id by the event's property; the \
                 opt-out is Braze's own, which writes List-Unsubscribe itself"
            }
        }
    }
}

fn salesforce() -> Places {
    Places {
        preamble:
            "%%[ SET @survey = AttributeValue(\"url\") SET @opt_out = AttributeValue(\"opt_out_url\") ]%%\n"
                .to_owned(),
        page: "%%=RedirectTo(@survey)=%%".to_owned(),
        before_score: "%%=RedirectTo(Concat(@survey,'/".to_owned(),
        after_score: "'))=%%".to_owned(),
        opt_out: "%%=RedirectTo(@opt_out)=%%".to_owned(),
    }
}

/// The signature covers the query before it, letter by letter, so that each capture stands on one line.
fn braze(brand: &Brand, survey: &Survey, locale: Option<&Language>) -> Places {
    let place = format!("{}/{}", brand.id, survey.id);
    let lang = locale.map(|locale| format!("&lang={locale}")).unwrap_or_default();
    let query = format!(
        "interaction=ticket-{{{{event_properties.${{ticket_id}}}}}}&respondent={{{{${{user_id}}}}}}{lang}"
    );
    let base = format!("{}/m/{place}", brand.public_base_url.trim_end_matches('/'));
    let rest = "?{{query}}&sig={{signed | hmac_sha256_hex: 'LINK-SECRET'}}";
    Places {
        preamble: format!(
            "{{% capture query %}}{query}{{% endcapture %}}\n\
             {{% capture signed %}}{place}?{{{{query}}}}{{% endcapture %}}\n"
        ),
        page: format!("{base}{rest}"),
        before_score: format!("{base}/"),
        after_score: rest.to_owned(),
        opt_out: "{{${set_user_to_unsubscribed_url}}}".to_owned(),
    }
}
