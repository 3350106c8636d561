// Where a visitor who is early adds the meeting to a calendar: a file, or a page of Google or Outlook.com.
import type { RoomPage } from '../config/page';
import type { RoomParams } from '../config/params';

export interface CalendarLinks {
  /** The calendar file, on this host. */
  file: string;
  google: string;
  outlook: string;
}

/** `20260601T120000Z`, of ISO 8601 in UTC. */
const compact = (iso: string) => iso.replace(/\.\d+/, '').replace(/[-:]/g, '');

/** The addresses; `null` where no start is known. All hold the visitor's own way in, and nothing that it has not come with. */
export function calendarLinks(
  page: Pick<RoomPage, 'code' | 'encrypted' | 'conference' | 'tenant'>,
  params: Pick<RoomParams, 'pass'>,
  origin: string,
): CalendarLinks | null {
  const { startsAt, endsAt, subject, hostName } = page.conference;
  if (startsAt === null || endsAt === null) return null;
  const own = new URLSearchParams();
  if (page.encrypted) own.set('encrypted_pin', 'true');
  if (params.pass !== null) own.set('pass', params.pass);
  const room = `${origin}/conf/call/${encodeURIComponent(page.code)}`;
  const query = own.size > 0 ? `?${own.toString()}` : '';
  const entry = `${room}${query}`;
  const { productName } = page.tenant;
  const title = subject ?? (hostName === null ? productName : `${productName} · ${hostName}`);
  const google = new URLSearchParams({
    action: 'TEMPLATE',
    text: title,
    dates: `${compact(startsAt)}/${compact(endsAt)}`,
    details: entry,
    location: entry,
  });
  const outlook = new URLSearchParams({
    path: '/calendar/action/compose',
    rru: 'addevent',
    subject: title,
    startdt: startsAt,
    enddt: endsAt,
    body: entry,
    location: entry,
  });
  return {
    file: `${room}/meeting.ics${query}`,
    google: `https://calendar.google.com/calendar/render?${google.toString()}`,
    outlook: `https://outlook.live.com/calendar/0/deeplink/compose?${outlook.toString()}`,
  };
}
