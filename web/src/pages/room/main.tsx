// Starts the room page.
import { render } from 'preact';
import { Keeper } from '../../config/kept';
import { parseRoomPage, readConfig } from '../../config/page';
import { parseRoomParams, withoutSecrets } from '../../config/params';
import { chooseLanguage } from '../../i18n/text';
import { applyTheme } from '../../theme/branding';
import { App } from './app';
import { RoomProvider } from './context';
import { loadMedia, RoomModel } from './model';

const address = new URL(location.href);
const params = parseRoomParams(address);
const page = parseRoomPage(readConfig(document));

// Secrets do not stay in the address bar, where they are copied and seen on shared screens.
const { registration } = page.conference;
const keeper = new Keeper(history);
keeper.complete(params, registration?.name ?? null, withoutSecrets(address).href);
if (registration) registration.name = keeper.guest;

const wishes = params.lang ? [params.lang, ...navigator.languages] : navigator.languages;
document.documentElement.lang = chooseLanguage(wishes);
applyTheme(document.documentElement, params.theme, page.tenant);
if (params.stripLayout) document.documentElement.classList.add('thin-page');

const room = new RoomModel(page, params, keeper, window);
const root = document.getElementById('app');
if (root) {
  render(
    <RoomProvider value={room}>
      <App />
    </RoomProvider>,
    root,
  );
}
void room.start().then(() => {
  // While the visitor reads, the media code comes in.
  if (room.meeting.phase.peek().at !== 'over') void loadMedia().catch(() => undefined);
});
