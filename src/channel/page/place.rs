//! What a path says: its segments, and the score at its end.

use percent_encoding::percent_decode_str;

use super::Fields;
use crate::survey::Survey;

/// The decoded segments of a raw path; a trailing slash or dot, as texts put behind addresses, is none of it.
pub(crate) fn segments(path: &str) -> Vec<String> {
    let path = path.trim_start_matches('/').trim_end_matches(['/', '.']);
    path.split('/').map(decoded).collect()
}

fn decoded(segment: &str) -> String {
    match segment.as_bytes().contains(&b'%') {
        true => percent_decode_str(segment).decode_utf8_lossy().into_owned(),
        false => segment.to_owned(),
    }
}

/// The address of the page whose path has this last segment, relative to a page `deeper` segments below it; it works
/// behind any path prefix that a proxy adds.
pub(crate) fn relative(path: &str, segment: &str, deeper: usize) -> String {
    let slashes = path.bytes().rev().take_while(|byte| *byte == b'/').count();
    format!("{}{segment}", "../".repeat(deeper + slashes.min(4)))
}

/// A score in a path: whole digits, else none.
pub(crate) fn score_of(segment: &str) -> Option<i32> {
    segment.bytes().all(|byte| byte.is_ascii_digit()).then(|| segment.parse().ok())?
}

/// The values that a link preselects: its path's score on the first required scale, and scores in its query by
/// question; whatever is off the scale preselects nothing.
pub(crate) fn preselected(survey: &Survey, score: Option<i32>, query: &Fields) -> Vec<(String, String)> {
    let first = survey.first_scored().map(|question| question.id.as_str());
    let on_scale = |question: &crate::survey::Question| {
        let from_path = score.filter(|_| first == Some(&question.id));
        let given = from_path.or_else(|| query.last(&question.id).and_then(score_of))?;
        let scale = question.kind.scale()?;
        scale.holds(given).then(|| (question.id.clone(), given.to_string()))
    };
    survey.questions.iter().filter_map(on_scale).collect()
}
