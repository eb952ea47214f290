// The panel that asks a survey on somebody else's page.
//
// Takes: <script async src="https://gateway.example/widget.js" data-brand="acme" data-survey="support-nps"></script>
//        optional: data-locale, data-interaction, data-token, data-storage="none", and data-open, one or more of
//        "load" (or nothing: as the page has loaded), "chat" (as a chat ends), "exit" (as somebody leaves). Without it
//        nothing is shown until voxgate.open({...}) is called. widget.d.ts has the types.
// Gives: voxgate.open({survey, interaction, respondent, subject, locale, attributes, token, test}), a promise of
//        {outcome, id, identity, survey, interaction, answers}. The outcome is that of the person's first answer
//        (accepted, revised, duplicate, quarantined), or rejected, pending (kept, not yet taken), closed (not
//        answered), failed (cannot be shown; code says why). It is told when all is answered or the panel is closed,
//        and never as an error.
//        voxgate.close(), and on document the events voxgate:shown, voxgate:answered, voxgate:closed.
// Stub for calls before it has loaded:
//        window.voxgate=window.voxgate||{q:[],open(o){return new Promise(r=>this.q.push([o,r]))},close(){this.q=[]}}
// Bounds: no cookie, and nothing stored before a score is pressed; then 32 answers of at most a week, only until the
//        gateway has taken them. A text is sent when its button is pressed, never while it is typed.
//
// `make widget` makes widget.min.js of it and widget.css, which is what is served. A host may have overridden the
// language's own parts before or after this runs, and its CSP and Trusted Types hold.
import css from './widget.css';

(() => {
  const w = window, d = document, stub = w.voxgate, { fetch, XMLHttpRequest, setTimeout, JSON, Object, Date } = w;
  const script = d.currentScript || d.querySelector('script[data-brand]');
  if (!script || stub && !stub.q) return;
  const preset = script.dataset, base = new URL('v1/', script.src).href, NAME = 'voxgate-panel';

  // 128 random bits; randomUUID is for https alone.
  const nonce = () => crypto.getRandomValues(new Uint32Array(4)).join('-');

  // fetch lives on when its page goes, so it is the first way. But a host may have put a fetch of its own in its place,
  // with header fields that the gateway's CORS refuses: then the other way is tried.
  const call = async (path, body, other) => {
    const url = base + path, method = body ? 'POST' : 'GET';
    if (other) return new Promise(done => {
      const request = new XMLHttpRequest();
      request.open(method, url);
      request.responseType = 'json';
      request.timeout = 2e4;
      request.onloadend = () => done([request.status, request.response]);
      request.send(body);
    });
    const signal = AbortSignal.timeout(2e4);
    const reply = await fetch(url, { method, body, signal, keepalive: true, credentials: 'omit' });
    return [reply.status, await reply.json(), reply.headers.get('retry-after')];
  };

  // ---- Answers on their way. An answer is kept until the gateway says what became of it. Sent again it has the same
  // key, so that it counts once: a browser says "failed" also when the answer arrived and only the reply was lost.
  const waiting = new Set();
  let blocked;

  // By id and not in an array: some hosts give arrays a toJSON.
  const kept = (all, gone) => {
    let room = 32;
    try {
      const stored = JSON.parse(localStorage.voxgate);
      for (const id in stored)
        if (id != gone && Date.now() - stored[id].at < 6048e5 && --room) all[id] = stored[id];
    } catch { }
    return all;
  };

  const keep = all => {
    try {
      const text = JSON.stringify(all);
      if (text == '{}') delete localStorage.voxgate;
      else if (preset.storage != 'none') localStorage.voxgate = text;
    } catch { }
  };

  const wire = answer => JSON.stringify({ ...answer.body, age_ms: Math.max(0, Date.now() - answer.at) });

  const send = async answer => {
    if (answer.busy || !waiting.has(answer)) return;
    // What goes the other way is cut off with the page, so a beacon may go beside it.
    answer.busy = ~answer.tries & 1;
    let wait = (1 + Math.random()) * 500 * 2 ** answer.tries;
    try {
      const [status, said, after] = await call('beacon', wire(answer), answer.tries & 1);
      if (said.outcome || said.code && /4(?!08|29)/.test(status)) {
        waiting.delete(answer);
        keep(kept({}, answer.id));
        return answer.told?.(said);
      }
      wait = Math.max(wait, ~~after * 1e3);
    } catch { }
    answer.busy = 0;
    answer.told?.();
    if (!blocked && answer.tries++ < 7) setTimeout(send, wait, answer);
  };

  const give = answer => {
    answer.busy = answer.tries = 0;
    waiting.delete([...waiting][waiting.size - 32]);
    waiting.add(answer);
    send(answer);
  };

  // When the page goes, what is in flight is kept alive by the browser; what waits for its next try goes now, as a
  // beacon. Nobody hears what became of it, so it stays kept.
  const hurry = ({ type }) => {
    for (const answer of waiting) {
      answer.tries = 0;
      try {
        (d.hidden || type == 'pagehide') && !answer.busy && navigator.sendBeacon(base + 'beacon', wire(answer))
          || send(answer);
      } catch { }
    }
  };

  const el = (name, set, ...inside) => {
    const node = Object.assign(d.createElement(name), set);
    node.append(...inside);
    return node;
  };

  // ---- The panel
  let current, asked;

  const close = () => current?.();

  const emit = (name, detail) => d.dispatchEvent(new CustomEvent('voxgate:' + name, { detail }));

  const open = options => new Promise(async resolve => {
    const wish = { ...preset, ...options }, stop = () => {
      current = null;
      resolve({ outcome: 'closed' });
    };
    close();
    current = stop;
    asked = 1;
    try {
      const path = `surveys/${wish.survey}?brand=${wish.brand}&locale=${wish.locale || d.documentElement.lang}`;
      const [, survey] = await call(path).catch(() => call(path, null, 1));
      if (survey.code) throw survey;
      if (current == stop) show(wish, survey, resolve);
    } catch (error) {
      if (current == stop) current = null;
      resolve({ outcome: 'failed', code: error?.code || 'network', ...blocked });
    }
  });

  const show = (
    { interaction, respondent, subject, token, attributes, test },
    { survey, brand, locale, dir, questions, words },
    resolve,
  ) => {
    const about = {
      survey, brand: brand.id, locale, key: nonce(), interaction, respondent, subject, token, attributes, test,
    };
    const values = {}, answers = {}, blocks = {}, before = d.activeElement;
    let first, complete, left = 0;

    const result = () => ({
      outcome: left ? 'pending' : first ? 'rejected' : 'closed',
      ...blocked, ...first, survey, interaction, answers: { ...answers },
    });

    const say = text => status.textContent = text;

    const isAsked = ({ ask_when: when }) => {
      const score = values[when?.question];
      return !when || score != null && !(score >= when.below || score <= when.above);
    };

    const settle = () => {
      if (left) return;
      if (first) say(first.code ? words.failed : '✓ ' + (complete ? words.thanks : ''));
      if (complete) resolve(result());
    };

    const tell = some => {
      const answer = {
        id: nonce(), at: Date.now(), body: { ...about, answers: some }, told(reply) {
          if (!reply) {
            say(blocked ? words.failed : words.later);
            return blocked && resolve(result());
          }
          left--;
          if (reply.code || !first?.id) first = reply;
          if (!reply.code) emit('answered', { ...result(), ...reply, answers: some });
          settle();
        },
      };
      left++;
      // Takes its line with the press: a line that came with the reply would be a layout shift of the host's page.
      say('…');
      Object.assign(answers, some);
      keep(kept({ [answer.id]: answer }));
      give(answer);
    };

    // A survey of scores is complete by itself; a text, or a question left open, waits for the button.
    const refresh = () => {
      let some;
      complete = true;
      for (const q of questions) {
        const block = blocks[q.id], value = values[q.id];
        some ||= value != null;
        if (!(block.hidden = !isAsked(q)) && (answers[q.id] ?? NaN) !== value) complete = false;
        for (const button of block.querySelectorAll('button')) {
          const on = button.ariaPressed = button.value == value;
          button.className = on || q.kind == 'stars' && button.value < value ? 'on' : '';
        }
      }
      submit.hidden = complete || !some;
      settle();
    };

    const submitted = event => {
      event.preventDefault();
      for (const q of questions) {
        const value = values[q.id];
        if (!isAsked(q)) continue;
        if (q.required && (value ?? '') === '') return blocks[q.id].querySelector('button,textarea').focus();
        if (value && value !== answers[q.id]) tell({ [q.id]: value });
      }
      complete = submit.hidden = true;
      panel.focus();
      settle();
    };

    const ask = ({ id, kind, text, options = [], ends }) => {
      const title = text.replace('{subject}', subject?.ref || '');
      const row = el('div', { className: 'row' });
      const block = blocks[id] = el('fieldset', { className: kind, ariaLabel: title }, el('h2', {}, title), row);
      block.style.setProperty('--n', options.length);
      for (const { value, text, label } of options) row.append(el('button', {
        type: 'button', value, ariaLabel: label, onclick() {
          if (values[id] !== value) tell({ [id]: values[id] = value });
          refresh();
        },
      }, text));
      if (kind == 'text') row.append(el('textarea', {
        maxLength: 2000, ariaLabel: title, oninput() {
          values[id] = this.value.trim();
          refresh();
        },
      }));
      if (ends) block.append(el('div', { className: 'ends' }, el('span', {}, ends[0]), el('span', {}, ends[1])));
      return block;
    };

    const shut = () => {
      const inside = root.activeElement;
      current = null;
      host.remove();
      if (inside) before?.focus();
      resolve(result());
      emit('closed', result());
    };

    const host = el(NAME, { lang: locale, dir, popover: 'manual' }), { style } = host;
    const root = host.attachShadow({ mode: 'open' });
    const submit = el('button', { className: 'send' }, words.send), status = el('p', { role: 'status' });
    const form = el('form', { onsubmit: submitted });
    const panel = el('section', { role: 'dialog', ariaLabel: brand.name, tabIndex: -1 },
      el('header', {}, brand.name, el('button', { ariaLabel: words.close, onclick: shut }, '×')), form, status);
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    root.adoptedStyleSheets = [sheet];
    root.append(panel);
    for (const q of questions) form.append(ask(q));
    form.append(submit);
    style.setProperty('--a', brand.colours.accent);
    style.setProperty('--o', brand.colours.on_accent);
    refresh();
    d.documentElement.append(host);
    // In the top layer no z-index of the host covers it.
    host.showPopover?.();
    current = shut;
    // The focus moves only for a person who has just done something.
    if (navigator.userActivation?.isActive) panel.focus();
    emit('shown', result());
  };

  // ---- When to ask by itself: once a page, and not where the page has asked already.
  const offer = options => asked || open(options);

  // What a chat in the page says of its end. Chatwoot tells which conversation it was, and whether there was one; the
  // messengers of Intercom and Zendesk tell that they were closed, Zendesk's classic one that the chat was ended.
  let talk;
  const ended = () => offer({ interaction: preset.interaction || talk || undefined });

  const hook = left => {
    const { Intercom, zE } = w;
    try {
      // What stands in for zE until it has loaded does not know yet which of the two it will be.
      if (zE && (zE.widget || left < 80)) {
        return zE.widget == 'classic' ? zE('webWidget:on', 'chat:end', ended) : zE('messenger:on', 'close', ended);
      }
      if (Intercom) return Intercom('onHide', ended);
    } catch { }
    if (left) setTimeout(hook, 500, left - 1);
  };

  // ---- Start
  // Defined, so that a host's rule for `:not(:defined)` leaves it alone.
  try { customElements.define(NAME, class extends HTMLElement { }); } catch { }
  // A policy of the page that lets nothing out: sendBeacon says true all the same, and to try again is of no use.
  d.addEventListener('securitypolicyviolation', ({ disposition, blockedURI }) => {
    if (disposition == 'report' || !blockedURI.startsWith(base)) return;
    blocked = { code: 'csp' };
    for (const answer of waiting) answer.told?.();
  });
  for (const answer of Object.values(kept({}))) give(answer);
  w.addEventListener('online', hurry);
  w.addEventListener('pagehide', hurry);
  d.addEventListener('visibilitychange', hurry);
  d.addEventListener('keydown', event => event.key == 'Escape' && !event.defaultPrevented && close());
  w.voxgate = { open, close };
  for (const [options, told] of stub?.q || []) open(options).then(told);
  const when = preset.open;
  if (/^$|load/.test(when)) offer();
  if (/chat/.test(when)) {
    w.addEventListener('chatwoot:on-message', ({ detail }) => talk = '' + (detail?.conversation_id ?? ''));
    w.addEventListener('chatwoot:closed', () => talk != null && ended());
    hook(99);
  }
  if (/exit/.test(when)) {
    // A pointer leaves through the top of the window. Where there is none, it is asked as the page is hidden, and seen
    // by who comes back.
    d.documentElement.addEventListener('mouseleave', event => event.clientY < 1 && offer());
    d.addEventListener('visibilitychange', () => d.hidden && !matchMedia('(hover)').matches && offer());
  }
})();
