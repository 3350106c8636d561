// Looking whether the door is open, without going in.
import { parseRoomPage, readConfig, type ConferenceInfo } from '../../config/page';

/** What the code stands for now, as a new visit to the page would tell; `null` if unknown. */
export async function look(window: Window): Promise<ConferenceInfo | null> {
  try {
    const response = await window.fetch(window.location.href, { cache: 'no-store' });
    const text = await response.text();
    const config = readConfig(new DOMParser().parseFromString(text, 'text/html'));
    return config === null ? null : parseRoomPage(config).conference;
  } catch {
    return null;
  }
}
