// The home page: a code leads to its meeting.
import { render } from 'preact';
import { parseHomePage, readConfig } from '../../config/page';
import { parseRoomParams } from '../../config/params';
import { chooseLanguage } from '../../i18n/text';
import { applyTheme } from '../../theme/branding';
import { Home } from './home';

const params = parseRoomParams(new URL(location.href));
const page = parseHomePage(readConfig(document));
const wishes = params.lang ? [params.lang, ...navigator.languages] : navigator.languages;
document.documentElement.lang = chooseLanguage(wishes);
applyTheme(document.documentElement, params.theme, page.tenant);

const root = document.getElementById('app');
if (root)
  render(<Home tenant={page.tenant} go={(code) => location.assign(roomPath(code))} />, root);

function roomPath(code: string): string {
  return `/conf/call/${encodeURIComponent(code)}`;
}
