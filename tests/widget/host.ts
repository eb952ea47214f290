// A host page that uses all of the widget's types. A line that must not compile says so: without an error in the line
// below it, @ts-expect-error is one.

export const asked: Promise<VoxgateOutcome> = voxgate.open({
  survey: 'support-nps',
  interaction: 'chat-1',
  respondent: { email: 'ann@example.org' },
  subject: { kind: 'agent', ref: 'a-7' },
  locale: 'de-CH',
  attributes: { plan: 'pro' },
  token: 'v4.local.x',
  test: true,
});

export const score = async (): Promise<number | string | undefined> => (await asked).answers?.['recommend'];

document.addEventListener('voxgate:answered', ({ detail }) => {
  const word: VoxgateWord = detail.outcome;
  if (word === 'failed' && detail.code === 'csp') window.voxgate.close();
});

// @ts-expect-error
voxgate.open({ interaction: 17 });
// @ts-expect-error
voxgate.open({ respondent: { name: 'Ann' } });
// @ts-expect-error
voxgate.open({ surveys: 'support-nps' });
// @ts-expect-error
asked.then(({ outcome }) => outcome === 'lost');
