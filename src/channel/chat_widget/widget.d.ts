// Types of voxgate's chat widget, for sites written in TypeScript: save this file beside your sources, or load it with
// `/// <reference path="widget.d.ts" />`. Every gateway serves it at /widget.d.ts.

/** What one panel asks, and about whom. What is left out is taken from the script's own tag. */
interface VoxgateOptions {
  brand?: string;
  survey?: string;
  /** What is rated: the conversation, ticket, call or visit. `[A-Za-z0-9._:-]{1,64}`, as all references. */
  interaction?: string;
  /** Who answers. Contacts are kept as keyed hashes only. */
  respondent?: { ref: string } | { email: string } | { phone: string };
  /** Who or what it is about; its `ref` stands where a text says `{subject}`. */
  subject?: { kind: string; ref: string };
  /** Language of the panel, a BCP 47 tag; the page's own without. */
  locale?: string;
  attributes?: Record<string, string>;
  /** From `/v1/links`: proves who answers about what. */
  token?: string;
  /** A trial: stored, and kept out of scores. */
  test?: boolean;
}

/**
 * What became of the person's first answer: `pending` is kept and not yet taken, `closed` was not answered, `failed`
 * could not be shown.
 */
type VoxgateWord =
  'accepted' | 'revised' | 'duplicate' | 'quarantined' | 'rejected' | 'pending' | 'closed' | 'failed';

interface VoxgateOutcome {
  outcome: VoxgateWord;
  /** Why it was rejected, failed or is pending: `csp`, `network`, or a code of the gateway. */
  code?: string;
  /** Why it is held, where it is `quarantined`. */
  reason?: string;
  /** Of the response, a UUID. */
  id?: string;
  identity?: 'signed' | 'keyed' | 'stated' | 'none';
  survey?: string;
  interaction?: string;
  /** By the question's id: a score, a choice or a text. */
  answers?: Record<string, number | string>;
}

interface Voxgate {
  /** Shows the panel. The promise is kept when all is answered or the panel is closed; it never fails. */
  open(options?: VoxgateOptions): Promise<VoxgateOutcome>;
  /** Closes the panel. */
  close(): void;
}

interface Window {
  voxgate: Voxgate;
}

declare var voxgate: Voxgate;

interface DocumentEventMap {
  'voxgate:shown': CustomEvent<VoxgateOutcome>;
  'voxgate:answered': CustomEvent<VoxgateOutcome>;
  'voxgate:closed': CustomEvent<VoxgateOutcome>;
}
