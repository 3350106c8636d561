import { expect, test } from 'vitest';
import { parseAccountPage, parseHomePage, parseRoomPage } from './page';

test('the room page is read whole', () => {
  const page = parseRoomPage({
    page: 'room',
    code: '1234567',
    encrypted: true,
    tenant: {
      company: 'Acme',
      product_name: 'Meet',
      primary_color: '#123456',
      background_color: null,
      support_url: 'https://help.example',
    },
    leave_event_type: 'bye',
    hidden_controls: ['share', 7],
    conference: {
      state: 'not_started',
      subject: 'Weekly',
      host_name: 'Ann',
      starts_at: '2026-11-24T14:00:00Z',
      pin_required: true,
    },
    signed_in: { name: 'Ann', moderator: true, after_call_url: '/bye' },
  });
  expect(page.tenant).toMatchObject({ company: 'Acme', productName: 'Meet' });
  expect(page.hiddenControls).toEqual(['share']);
  expect(page.conference).toMatchObject({ state: 'not_started', pinRequired: true });
  expect(page.signedIn).toEqual({ name: 'Ann', moderator: true, afterCallUrl: '/bye' });
  expect(page.leaveEventType).toBe('bye');
});

test('nothing and nonsense give a usable page', () => {
  for (const value of [null, undefined, 3, [], 'x', { tenant: 5, conference: [] }]) {
    const page = parseRoomPage(value);
    expect(page.leaveEventType).toBe('vivomeetingsLeaveCallEvent');
    expect(page.conference.state).toBe('open');
    expect(parseHomePage(value).tenant.productName).toBe('Convoke');
  }
});

test('support addresses are http(s) only', () => {
  const tenant = { support_url: 'javascript:alert(1)' };
  expect(parseHomePage({ tenant }).tenant.supportUrl).toBeNull();
});

test('the pages of signing in are told apart', () => {
  const account = { name: 'Ann', email: 'a@b.c', access_code: '1234567' };
  expect(parseAccountPage({ page: 'login', account, redirect_url: '/x' })).toMatchObject({
    account: { name: 'Ann', email: 'a@b.c', accessCode: '1234567' },
    redirectUrl: '/x',
  });
  expect(parseAccountPage({ page: 'login', by_provider: true, problem: 'stale' })).toMatchObject({
    account: null,
    redirectUrl: '/',
    byProvider: true,
    problem: 'stale',
  });
  expect(parseAccountPage({ page: 'login', by_provider: 1, problem: 'odd' })).toMatchObject({
    byProvider: false,
    problem: null,
  });
  expect(parseAccountPage({ page: 'password', account: null })).toMatchObject({ account: null });
  const fields = { handoff: 'h', redirect_url: '/', odd: 3 };
  expect(parseAccountPage({ page: 'continue', name: 'Ann', fields })).toMatchObject({
    name: 'Ann',
    fields: [
      ['handoff', 'h'],
      ['redirect_url', '/'],
    ],
  });
  expect(parseAccountPage({ page: 'refused', message: 'No' })).toEqual({
    page: 'refused',
    of: 'sign_in',
    message: 'No',
  });
  expect(parseAccountPage({ page: 'refused', of: 'page', message: 'No' })).toMatchObject({
    of: 'page',
  });
  expect(parseAccountPage(null).page).toBe('login');
});

test("a tenant's pictures are on its own host, its corners and font from the list", () => {
  const picture = `/branding/${'0a'.repeat(32)}`;
  const told = { logo_url: picture, icon_url: picture, radius: 'large', font: 'source_serif' };
  expect(parseHomePage({ tenant: told }).tenant).toMatchObject({
    logoUrl: picture,
    iconUrl: picture,
    radius: 'large',
    font: 'source_serif',
  });
  for (const bad of [
    'https://evil.example/a.png',
    '//evil.example',
    '/branding/x',
    'javascript:0',
    7,
  ]) {
    const tenant = { logo_url: bad, icon_url: bad, radius: bad, font: bad };
    expect(parseHomePage({ tenant }).tenant).toMatchObject({
      logoUrl: null,
      iconUrl: null,
      radius: null,
      font: null,
    });
  }
});
