// Apps that act for people: registered by administrators, let in and shown out by whom they act for.
import { parseOauthClient, type OauthClient } from '../config/page';
import { post, tokenFailure, type Fetch, type TokenOutcome } from './session';

const text = (value: unknown): string | null =>
  typeof value === 'string' && value !== '' ? value : null;

/** What came of letting an app in or not. */
export type Consented =
  { ok: true; redirectUrl: string } | { ok: false; why: 'over' | 'gone' | 'unreachable' };

/** Answers what an app asked: `request` is what its page said. Never throws. */
export async function consent(fetch: Fetch, request: string, allow: boolean): Promise<Consented> {
  try {
    const { response, json } = await post(fetch, '/oauth/authorize', { request, allow });
    const redirectUrl = text(json['redirect_url']);
    if (response.ok && redirectUrl) return { ok: true, redirectUrl };
    if (response.status === 401 || response.status === 403) return { ok: false, why: 'over' };
    return { ok: false, why: response.status < 500 ? 'gone' : 'unreachable' };
  } catch {
    return { ok: false, why: 'unreachable' };
  }
}

/** An app that was registered, with its secret in clear where it has one: that happens once. */
export interface Registered {
  client: OauthClient;
  secret: string | null;
}

type Registering = TokenOutcome<Registered> | { ok: false; why: 'invalid' };

/** Registers an app. Never throws. */
export async function registerClient(
  fetch: Fetch,
  path: string,
  entry: { name: string; redirectUris: readonly string[]; public: boolean },
): Promise<Registering> {
  try {
    const { response, json } = await post(fetch, path, {
      name: entry.name,
      redirect_uris: entry.redirectUris,
      public: entry.public,
    });
    const client = parseOauthClient(json);
    if (response.ok && client) {
      return { ok: true, of: { client, secret: text(json['client_secret']) } };
    }
    if (response.status === 400) return { ok: false, why: 'invalid' };
    return { ok: false, why: tokenFailure(response.status) };
  } catch {
    return { ok: false, why: 'unreachable' };
  }
}

/** Gives an app another secret, answered in clear. Never throws. */
export async function rotateClient(
  fetch: Fetch,
  path: string,
  id: string,
): Promise<TokenOutcome<string>> {
  try {
    const { response, json } = await post(fetch, `${path}/rotate`, { client_id: id });
    const secret = text(json['client_secret']);
    if (response.ok && secret) return { ok: true, of: secret };
    return { ok: false, why: tokenFailure(response.status) };
  } catch {
    return { ok: false, why: 'unreachable' };
  }
}

/** Deletes an app, or shows it out, at `path`; one that is gone already is gone. Never throws. */
export async function dropClient(
  fetch: Fetch,
  path: string,
  id: string,
): Promise<TokenOutcome<null>> {
  try {
    const { response } = await post(fetch, path, { client_id: id });
    if (response.ok || response.status === 404) return { ok: true, of: null };
    return { ok: false, why: tokenFailure(response.status) };
  } catch {
    return { ok: false, why: 'unreachable' };
  }
}
