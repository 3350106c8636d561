import { expect, test } from 'vitest';
import { parseRoomPage } from '../config/page';
import { calendarLinks } from './calendar';

const meeting = {
  state: 'not_started',
  subject: 'Plan & budget',
  host_name: 'Ann',
  starts_at: '2026-06-02T12:00:00Z',
  ends_at: '2026-06-02T12:30:00Z',
};
const page = (conference: object, encrypted = false) =>
  parseRoomPage({
    code: '123456789',
    encrypted,
    tenant: { company: 'Acme', product_name: 'Acme Meet' },
    conference,
  });
const links = (conference: object, pass: string | null = null, encrypted = false) =>
  calendarLinks(page(conference, encrypted), { pass }, 'https://acme.test');
const query = (address: string | undefined) => new URL(address ?? '').searchParams;

test('each holds the times and the way in', () => {
  const found = links(meeting);
  expect(found?.file).toBe('https://acme.test/conf/call/123456789/meeting.ics');
  const google = query(found?.google);
  expect(google.get('text')).toBe('Plan & budget');
  expect(google.get('dates')).toBe('20260602T120000Z/20260602T123000Z');
  expect(google.get('location')).toBe('https://acme.test/conf/call/123456789');
  const outlook = query(found?.outlook);
  expect(outlook.get('subject')).toBe('Plan & budget');
  expect(outlook.get('startdt')).toBe('2026-06-02T12:00:00Z');
  expect(outlook.get('enddt')).toBe('2026-06-02T12:30:00Z');
  expect(outlook.get('body')).toBe('https://acme.test/conf/call/123456789');
});

test('the way in is the one that the visitor came by', () => {
  const found = links(meeting, 'own-pass', true);
  expect(found?.file).toBe(
    'https://acme.test/conf/call/123456789/meeting.ics?encrypted_pin=true&pass=own-pass',
  );
  expect(query(found?.google).get('details')).toBe(
    'https://acme.test/conf/call/123456789?encrypted_pin=true&pass=own-pass',
  );
});

test('what a PIN guards is not named, and without a start there is nothing', () => {
  expect(query(links({ ...meeting, subject: null })?.google).get('text')).toBe('Acme Meet · Ann');
  const nobody = { ...meeting, subject: null, host_name: null };
  expect(query(links(nobody)?.outlook).get('subject')).toBe('Acme Meet');
  expect(links({ ...meeting, starts_at: null })).toBeNull();
  expect(links({ ...meeting, ends_at: null })).toBeNull();
});
