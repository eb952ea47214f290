// The panel that asks a survey on somebody else's page.
//
// Takes: <script async src="https://gateway.example/widget.js" data-brand="acme" data-survey="support-nps"></script>
//        optional: data-locale, data-interaction, data-token, data-storage="none", and data-open to open on load;
//        without data-open nothing is shown until voxgate.open({...}) is called.
// Gives: voxgate.open({survey, interaction, respondent, subject, locale, attributes, token, test}), a promise of
//        {outcome, id, identity, survey, interaction, answers}. The outcome is that of the person's first answer
//        (accepted, revised, duplicate, quarantined), or rejected, pending (kept, not yet taken), closed (not
//        answered), failed (cannot be shown; code says why). It is told when all is answered or the panel is closed,
//        and never as an error.
//        voxgate.close(), and on document the events voxgate:shown, voxgate:answered, voxgate:closed.
// Stub for calls before it has loaded:
//        window.voxgate=window.voxgate||{q:[],open(o){return new Promise(r=>this.q.push([o,r]))},close(){this.q=[]}}
// Bounds: no cookie, and nothing stored before a score is pressed; then about 32 answers of at most a week, only until
//        the gateway has taken them. A text is sent when its button is pressed, never while it is typed.
//
// script.rs serves it without comments, indents and needless spaces: a comment has a line of its own, and there is no
// regular expression. A host may have overridden the language's own parts, and its CSP and Trusted Types hold.
(() => {
  const w = window, d = document, stub = w.voxgate, { fetch, setTimeout, JSON, Object, Date } = w;
  const script = d.currentScript || d.querySelector('script[data-brand]');
  if (!script || stub && !stub.q) return;
  const preset = script.dataset, base = new URL('v1/', script.src), NAME = 'voxgate-panel';

  // 128 random bits; randomUUID is for https alone.
  const nonce = () => crypto.getRandomValues(new Uint32Array(4)).join('-');

  // ---- Answers on their way. An answer is kept until the gateway says what became of it. Sent again it has the same
  // key, so that it counts once: a browser says "failed" also when the answer arrived and only the reply was lost.
  const waiting = new Set();

  const kept = (list, gone) => {
    try {
      for (const answer of JSON.parse(localStorage.voxgate))
        if (answer.id != gone && Date.now() - answer.at < 6048e5 && list.length < 32) list.push(answer);
    } catch { }
    return list;
  };

  const keep = list => {
    try {
      if (!list[0]) delete localStorage.voxgate;
      else if (preset.storage != 'none') localStorage.voxgate = JSON.stringify(list);
    } catch { }
  };

  const wire = answer => JSON.stringify({ ...answer.body, age_ms: Math.max(0, Date.now() - answer.at) });

  const send = async answer => {
    if (answer.busy || !waiting.has(answer)) return;
    answer.busy = 1;
    let wait = (1 + Math.random()) * 500 * 2 ** answer.tries, said;
    try {
      const reply = await fetch(base + 'beacon', {
        method: 'POST', body: wire(answer), keepalive: true, credentials: 'omit', signal: AbortSignal.timeout(2e4),
      }), { status } = reply;
      said = await reply.json();
      if (said.outcome || said.code && status < 500 && status != 429 && status != 408) {
        waiting.delete(answer);
        keep(kept([], answer.id));
        return answer.told?.(said);
      }
      wait = Math.max(wait, reply.headers.get('retry-after') * 1e3);
    } catch { }
    answer.busy = 0;
    answer.told?.();
    if (answer.tries++ < 7) setTimeout(send, wait, answer);
  };

  const give = answer => {
    answer.busy = answer.tries = 0;
    waiting.add(answer);
    send(answer);
  };

  // When the page goes, what is in flight is kept alive by the browser; what waits for its next try goes now.
  const hurry = () => {
    for (const answer of waiting) {
      answer.tries = 0;
      d.hidden && !answer.busy && navigator.sendBeacon(base + 'beacon', wire(answer)) || send(answer);
    }
  };

  // ---- Looks
  const css = `:host{all:initial!important;position:fixed!important;inset:auto 20px 20px auto!important;z-index:2147483647!important;max-width:calc(100% - 40px)!important;color-scheme:light dark!important;--s:color-mix(in srgb,CanvasText 65%,Canvas);--k:color-mix(in srgb,CanvasText 8%,Canvas);--l:color-mix(in srgb,CanvasText 22%,Canvas);--m:color-mix(in srgb,CanvasText 25%,var(--a))}
*{box-sizing:border-box;margin:0;padding:0;border:0;font:inherit;color:inherit}
section{font:16px/24px system-ui,sans-serif;color:CanvasText;background:Canvas;border:1px solid var(--l);border-radius:18px;padding:8px 20px 20px;min-width:min(360px,100vw);max-width:576px;max-height:90vh;overflow:auto;box-shadow:0 12px 48px #0003}
header{display:flex;align-items:center;justify-content:space-between;font-size:14px;color:var(--s);margin-inline-end:-12px}
header button{font-size:28px;line-height:1}
button{min-width:44px;min-height:44px;border-radius:12px;background:none;cursor:pointer}
:focus-visible{outline:3px solid var(--m);outline-offset:2px}
fieldset{min-width:0;margin:6px 0 18px}
h2{font-size:18px;font-weight:600;text-wrap:balance;margin-bottom:14px}
.row{display:grid;grid-template-columns:repeat(var(--n),minmax(44px,1fr));gap:5px}
.row button{background:var(--k)}
.row button:hover{box-shadow:inset 0 0 0 2px var(--m)}
.row .on,.send{background:var(--a);color:var(--o);font-weight:600}
.stars,.smiley,.thumbs{display:flex;gap:10px}
.smiley button,.thumbs button{padding:14px;border-radius:50%}
i{display:block;width:36px;height:36px;background:currentColor;forced-color-adjust:none}
.thumbs [value="0"] i{rotate:180deg}
.stars{font-size:40px;line-height:1;gap:0;margin-inline-start:-4px}
.stars button,.stars .on,.stars button:hover{background:none;box-shadow:none;color:var(--l)}
.stars .on,.stars:hover button{color:var(--m)}
.stars button:hover~button{color:var(--l)}
.choice,.text{grid-template-columns:1fr}
.choice button{padding:8px 14px;text-align:start}
.ends{display:flex;justify-content:space-between;gap:24px;font-size:13px;color:var(--s);margin-top:8px}
textarea{min-height:88px;padding:10px 12px;border:1px solid var(--s);border-radius:12px;background:none}
.send{width:100%}
p:not(:empty){font-weight:600;margin-top:14px}
@media(max-width:619px){:host{inset:auto 0 0!important;max-width:none!important}section{max-width:none;border-radius:18px 18px 0 0}.nps{--n:6!important}}
@media(prefers-reduced-motion:no-preference){section{animation:v .25s}}
@keyframes v{0%{opacity:0;transform:translateY(16px)}}`;
  const face = 'M18 1a17 17 0 1 0 .1 0zM12 11a2 2 0 1 0 .1 0zM24 11a2 2 0 1 0 .1 0zM', thumb = 'M3 16h6v16h-6zM12 16l6-13q5 0 5 5l-1 6h8q4 0 3 4l-2 11q-1 3-4 3h-15z';
  const shapes = { smiley1: face + '9 28q9-11 18 0z', smiley2: face + '11 23h14v3h-14z', smiley3: face + '9 20q9 12 18 0z', thumbs0: thumb, thumbs1: thumb };

  const el = (name, set, ...inside) => {
    const node = Object.assign(d.createElement(name), set);
    node.append(...inside);
    return node;
  };

  // ---- The panel
  let current;

  const close = () => current?.();

  const emit = (name, detail) => d.dispatchEvent(new CustomEvent('voxgate:' + name, { detail }));

  const open = options => new Promise(async resolve => {
    const wish = { ...preset, ...options }, stop = () => {
      current = null;
      resolve({ outcome: 'closed' });
    };
    close();
    current = stop;
    try {
      const query = new URLSearchParams({ brand: wish.brand, locale: wish.locale || d.documentElement.lang });
      const survey = await (await fetch(base + `surveys/${wish.survey}?` + query, { credentials: 'omit' })).json();
      if (survey.code) throw survey;
      if (current == stop) show(wish, survey, resolve);
    } catch ({ code }) {
      if (current == stop) current = null;
      resolve({ outcome: 'failed', code: code || 'network' });
    }
  });

  const show = ({ interaction, respondent, subject, token, attributes, test }, { survey, brand, locale, dir, questions, words }, resolve) => {
    const about = { survey, brand: brand.id, locale, key: nonce(), interaction, respondent, subject, token, attributes, test };
    const values = {}, answers = {}, blocks = {}, before = d.activeElement;
    let first, complete, left = 0;

    const result = () => ({ outcome: left ? 'pending' : first ? 'rejected' : 'closed', ...first, survey, interaction, answers: { ...answers } });

    const say = text => status.textContent = text;

    const isAsked = ({ ask_when: when }) => {
      const score = values[when?.question];
      return !when || score != null && !(score >= when.below || score <= when.above);
    };

    const settle = () => {
      if (left) return;
      say(first?.code ? words.failed : complete ? '✓ ' + words.thanks : '');
      if (complete) resolve(result());
    };

    const tell = some => {
      const answer = {
        id: nonce(), at: Date.now(), body: { ...about, answers: some }, told(reply) {
          if (!reply) return say(words.later);
          left--;
          if (reply.code || !first?.id) first = reply;
          if (!reply.code) emit('answered', { ...result(), ...reply, answers: some });
          settle();
        },
      };
      left++;
      Object.assign(answers, some);
      keep(kept([answer]));
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
      const row = el('div', { className: 'row ' + kind, role: 'group', ariaLabel: title });
      for (const { value, text, label } of options) row.append(el('button', {
        type: 'button', value, ariaLabel: label, onclick() {
          if (values[id] !== value) tell({ [id]: values[id] = value });
          refresh();
        },
      }, shapes[kind + value] ? el('i', { style: `clip-path:path(evenodd,"${shapes[kind + value]}")` }) : text));
      row.style.setProperty('--n', options.length);
      if (kind == 'text') row.append(el('textarea', {
        maxLength: 2000, ariaLabel: title, oninput() {
          values[id] = this.value.trim();
          refresh();
        },
      }));
      blocks[id] = el('fieldset', {}, el('h2', {}, title), row);
      if (ends) blocks[id].append(el('div', { className: 'ends' }, el('span', {}, ends[0]), el('span', {}, ends[1])));
      return blocks[id];
    };

    const shut = () => {
      const inside = root.activeElement;
      current = null;
      host.remove();
      if (inside) before?.focus();
      resolve(result());
      emit('closed', result());
    };

    const host = el(NAME, { lang: locale, dir, popover: 'manual' }), { style } = host, root = host.attachShadow({ mode: 'open' });
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

  // ---- Start
  // Defined, so that a host's rule for `:not(:defined)` leaves it alone.
  try { customElements.define(NAME, class extends HTMLElement { }); } catch { }
  for (const answer of kept([])) give(answer);
  w.addEventListener('online', hurry);
  w.addEventListener('pagehide', hurry);
  d.addEventListener('visibilitychange', hurry);
  d.addEventListener('keydown', event => event.key == 'Escape' && !event.defaultPrevented && close());
  w.voxgate = { open, close };
  for (const [options, told] of stub?.q || []) open(options).then(told);
  if ('open' in preset) open();
})();
