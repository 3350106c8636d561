// The JSON that the server puts into the page: what it knows about the tenant and the meeting.

import {
  parseWebhook,
  parseWebhookFailure,
  words,
  type Webhook,
  type WebhookFailure,
} from './webhooks';

const RADII = ['none', 'small', 'medium', 'large'] as const;
const FONTS = ['figtree', 'inter', 'nunito', 'source_serif', 'system'] as const;

/** How round corners are; the stylesheet knows each. */
export type Radius = (typeof RADII)[number];
/** What texts are set in; the stylesheet knows each. */
export type Font = (typeof FONTS)[number];

/** A tenant's branding. Colours are `#rrggbb`; anything else is ignored. */
export interface Tenant {
  company: string;
  productName: string;
  primaryColor: string | null;
  backgroundColor: string | null;
  radius: Radius | null;
  font: Font | null;
  /** Pictures on the page's own host, as paths. */
  logoUrl: string | null;
  iconUrl: string | null;
  supportUrl: string | null;
}

/** What the code in the address stands for at the moment the page was made. */
export interface ConferenceInfo {
  state: 'open' | 'not_started' | 'ended' | 'not_found';
  subject: string | null;
  hostName: string | null;
  /** ISO 8601, UTC. */
  startsAt: string | null;
  /** When the door opens, ISO 8601, UTC. */
  opensAt: string | null;
  /** When it is planned to end, of one that has not begun; ISO 8601, UTC. */
  endsAt: string | null;
  pinRequired: boolean;
  /** Where guests register first, and the name of who has: `null` where nobody needs to. */
  registration: { path: string; name: string | null } | null;
}

/** A meeting that people register for. */
export interface RegisterMeeting {
  state: 'open' | 'full' | 'over';
  subject: string;
  agenda: string | null;
  hostName: string;
  /** The next time, ISO 8601, UTC. */
  startsAt: string | null;
  minutes: number | null;
  repeats: boolean;
}

export interface RoomPage {
  page: 'room';
  code: string;
  encrypted: boolean;
  tenant: Tenant;
  leaveEventType: string;
  hiddenControls: readonly string[];
  conference: ConferenceInfo;
  signedIn: { name: string; moderator: boolean; afterCallUrl: string | null } | null;
}

/** Who is signed in. */
export interface Account {
  name: string;
  email: string;
  /** The code of the account's own room. */
  accessCode: string;
}

export interface HomePage {
  page: 'home';
  tenant: Tenant;
  account: Account | null;
  /** Whether the admin pages are the account's to see. */
  administers: boolean;
}

/** What an account's own servers authenticate by; times are ISO 8601, UTC. */
export interface ApiToken {
  id: string;
  name: string;
  created: string;
  used: string | null;
}

/** An app that a company's administrators have registered; `created` is ISO 8601, UTC. */
export interface OauthClient {
  id: string;
  name: string;
  redirectUris: readonly string[];
  /** It has no secret. */
  public: boolean;
  created: string;
}

/** An app that acts for the account; times are ISO 8601, UTC. */
export interface OauthApp {
  id: string;
  name: string;
  /** Whether it may change things. */
  writes: boolean;
  created: string;
  used: string | null;
}

const PROVIDER_PROBLEMS = ['denied', 'unknown', 'stale', 'away', 'failed'] as const;

/** Why a company's sign-in provider has signed nobody in. */
export type ProviderProblem = (typeof PROVIDER_PROBLEMS)[number];

/** Who is signed in, or how people sign in: by password, or with the company's provider. */
export interface LoginPage {
  page: 'login';
  tenant: Tenant;
  account: Account | null;
  redirectUrl: string;
  byProvider: boolean;
  problem: ProviderProblem | null;
}

/** The pages of signing in. */
export type AccountPage =
  | LoginPage
  /** Without an account, the link is of no use (any more). */
  | { page: 'password'; tenant: Tenant; account: Account | null }
  /** An administrator's API tokens, oldest first. */
  | { page: 'tokens'; tenant: Tenant; account: Account; tokens: readonly ApiToken[] }
  /** Whether an app may act for the account. */
  | {
      page: 'consent';
      tenant: Tenant;
      account: Account;
      client: string;
      /** Where the browser goes afterwards: an origin. */
      goesTo: string;
      /** Whether it may change things, or only look. */
      writes: boolean;
      /** What was asked, sent back as it is. */
      request: string;
      /** Where another account signs in. */
      otherAccount: string;
    }
  /** The apps that a company's administrators have registered, oldest first. */
  | {
      page: 'oauth_clients';
      tenant: Tenant;
      account: Account;
      issuer: string;
      clients: readonly OauthClient[];
    }
  /** The apps that act for the account. */
  | { page: 'oauth_apps'; tenant: Tenant; account: Account; apps: readonly OauthApp[] }
  /** A company's webhooks, oldest first, and what they may be told of. */
  | {
      page: 'webhooks';
      tenant: Tenant;
      account: Account;
      webhooks: readonly Webhook[];
      failures: readonly WebhookFailure[];
      events: readonly string[];
    }
  /** Without a meeting, there is none to register for. */
  | { page: 'register'; tenant: Tenant; meeting: RegisterMeeting | null }
  /** Whether to replace who is signed in; `fields` are posted as they are. */
  | { page: 'continue'; tenant: Tenant; name: string; fields: readonly [string, string][] }
  /** A sign-in or a page that was refused, which tells nothing of the tenant. */
  | { page: 'refused'; of: 'sign_in' | 'page'; message: string };

type Json = Record<string, unknown>;

const object = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
const text = (value: unknown): string | null =>
  typeof value === 'string' && value !== '' ? value : null;

function tenant(value: unknown): Tenant {
  const json = object(value);
  return {
    company: text(json['company']) ?? '',
    productName: text(json['product_name']) ?? 'Convoke',
    primaryColor: text(json['primary_color']),
    backgroundColor: text(json['background_color']),
    radius: RADII.find((radius) => radius === json['radius']) ?? null,
    font: FONTS.find((font) => font === json['font']) ?? null,
    logoUrl: picture(json['logo_url']),
    iconUrl: picture(json['icon_url']),
    supportUrl: httpUrl(json['support_url']),
  };
}

function picture(value: unknown): string | null {
  const path = text(value);
  return path !== null && /^\/branding\/[0-9a-f]{64}$/.test(path) ? path : null;
}

function httpUrl(value: unknown): string | null {
  const url = text(value);
  return url !== null && /^https?:\/\//i.test(url) ? url : null;
}

const STATES = ['open', 'not_started', 'ended', 'not_found'] as const;

function conference(value: unknown): ConferenceInfo {
  const json = object(value);
  return {
    state: STATES.find((state) => state === json['state']) ?? 'open',
    subject: text(json['subject']),
    hostName: text(json['host_name']),
    startsAt: text(json['starts_at']),
    opensAt: text(json['opens_at']),
    endsAt: text(json['ends_at']),
    pinRequired: json['pin_required'] === true,
    registration: registration(json['registration']),
  };
}

function registration(value: unknown): ConferenceInfo['registration'] {
  const json = object(value);
  const path = text(json['path']);
  return path?.startsWith('/register/') ? { path, name: text(json['name']) } : null;
}

const REGISTER_STATES = ['open', 'full', 'over'] as const;

function registerMeeting(value: unknown): RegisterMeeting | null {
  const json = object(value);
  const subject = text(json['subject']);
  if (subject === null) return null;
  return {
    state: REGISTER_STATES.find((state) => state === json['state']) ?? 'open',
    subject,
    agenda: text(json['agenda']),
    hostName: text(json['host_name']) ?? '',
    startsAt: text(json['starts_at']),
    minutes: typeof json['minutes'] === 'number' ? json['minutes'] : null,
    repeats: json['repeats'] === true,
  };
}

/** Reads the room page's JSON. Missing or malformed parts get harmless defaults. */
export function parseRoomPage(value: unknown): RoomPage {
  const json = object(value);
  const signedIn = object(json['signed_in']);
  const signedInName = text(signedIn['name']);
  const hidden = json['hidden_controls'];
  return {
    page: 'room',
    code: text(json['code']) ?? '',
    encrypted: json['encrypted'] === true,
    tenant: tenant(json['tenant']),
    leaveEventType: text(json['leave_event_type']) ?? 'vivomeetingsLeaveCallEvent',
    hiddenControls: Array.isArray(hidden) ? hidden.filter((name) => typeof name === 'string') : [],
    conference: conference(json['conference']),
    signedIn: signedInName
      ? {
          name: signedInName,
          moderator: signedIn['moderator'] === true,
          afterCallUrl: text(signedIn['after_call_url']),
        }
      : null,
  };
}

/** Reads the home page's JSON. */
export function parseHomePage(value: unknown): HomePage {
  const json = object(value);
  return {
    page: 'home',
    tenant: tenant(json['tenant']),
    account: parseAccount(json['account']),
    administers: json['administers'] === true,
  };
}

/** Reads an API token; `null` if it is none. */
export function parseApiToken(value: unknown): ApiToken | null {
  const json = object(value);
  const [id, name, created] = [text(json['id']), text(json['name']), text(json['created'])];
  if (id === null || name === null || created === null) return null;
  return { id, name, created, used: text(json['used']) };
}

/** Reads an app that is registered; `null` if it is none. */
export function parseOauthClient(value: unknown): OauthClient | null {
  const json = object(value);
  const [id, name] = [text(json['client_id']), text(json['name'])];
  const created = text(json['created']);
  const uris: unknown[] = Array.isArray(json['redirect_uris']) ? json['redirect_uris'] : [];
  if (id === null || name === null || created === null) return null;
  const redirectUris = uris.filter((uri) => typeof uri === 'string');
  return { id, name, redirectUris, public: json['public'] === true, created };
}

function oauthApp(value: unknown): OauthApp | null {
  const json = object(value);
  const [id, name] = [text(json['client_id']), text(json['name'])];
  const created = text(json['created']);
  if (id === null || name === null || created === null) return null;
  return { id, name, writes: json['writes'] === true, created, used: text(json['used']) };
}

const list = <T>(value: unknown, read: (one: unknown) => T | null): T[] =>
  Array.isArray(value) ? value.flatMap((one: unknown) => read(one) ?? []) : [];

/** Reads who is signed in; `null` if nobody is. */
export function parseAccount(value: unknown): Account | null {
  const json = object(value);
  const name = text(json['name']);
  const accessCode = text(json['access_code']);
  if (name === null || accessCode === null) return null;
  return { name, email: text(json['email']) ?? '', accessCode };
}

/** Reads the JSON of a page of signing in. */
export function parseAccountPage(value: unknown): AccountPage {
  const json = object(value);
  const common = { tenant: tenant(json['tenant']) };
  const account = parseAccount(json['account']);
  switch (json['page']) {
    case 'refused':
      return {
        page: 'refused',
        of: json['of'] === 'page' ? 'page' : 'sign_in',
        message: text(json['message']) ?? '',
      };
    case 'continue': {
      const fields = Object.entries(object(json['fields'])).filter(
        (field): field is [string, string] => typeof field[1] === 'string',
      );
      return { page: 'continue', ...common, name: text(json['name']) ?? '', fields };
    }
    case 'tokens': {
      const all: unknown[] = Array.isArray(json['tokens']) ? json['tokens'] : [];
      const tokens = all.flatMap((token) => parseApiToken(token) ?? []);
      return account
        ? { page: 'tokens', ...common, account, tokens }
        : login({}, common.tenant, account);
    }
    case 'consent': {
      const names: unknown[] = Array.isArray(json['scopes']) ? json['scopes'] : [];
      const [client, request] = [text(json['client']), text(json['request'])];
      if (account === null || client === null || request === null) break;
      const goesTo = text(json['goes_to']) ?? '';
      const otherAccount = text(json['other_account']) ?? '/login';
      const writes = names.includes('write');
      return { page: 'consent', ...common, account, client, goesTo, writes, request, otherAccount };
    }
    case 'oauth_clients': {
      if (account === null) break;
      const clients = list(json['clients'], parseOauthClient);
      const issuer = text(json['issuer']) ?? '';
      return { page: 'oauth_clients', ...common, account, issuer, clients };
    }
    case 'oauth_apps':
      if (account === null) break;
      return { page: 'oauth_apps', ...common, account, apps: list(json['apps'], oauthApp) };
    case 'webhooks': {
      if (account === null) break;
      const webhooks = list(json['webhooks'], parseWebhook);
      const failures = list(json['failures'], parseWebhookFailure);
      const events = words(json['events']);
      return { page: 'webhooks', ...common, account, webhooks, failures, events };
    }
    case 'register':
      return { page: 'register', ...common, meeting: registerMeeting(json['meeting']) };
    case 'password':
      return { page: 'password', ...common, account };
  }
  return login(json, common.tenant, account);
}

function login(json: Json, tenant: Tenant, account: Account | null): LoginPage {
  return {
    page: 'login',
    tenant,
    account,
    redirectUrl: text(json['redirect_url']) ?? '/',
    byProvider: json['by_provider'] === true,
    problem: PROVIDER_PROBLEMS.find((problem) => problem === json['problem']) ?? null,
  };
}

/** The page's JSON as the server wrote it, or `null` if it is absent or not JSON. */
export function readConfig(document: Document): unknown {
  const source = document.getElementById('convoke-config')?.textContent;
  try {
    return source ? (JSON.parse(source) as unknown) : null;
  } catch {
    return null;
  }
}
