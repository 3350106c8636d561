// Starts the pages of signing in.
import { render } from 'preact';
import { parseAccountPage, readConfig } from '../../config/page';
import { parseRoomParams } from '../../config/params';
import { chooseLanguage } from '../../i18n/text';
import { applyTheme } from '../../theme/branding';
import { Account } from './account';

const params = parseRoomParams(new URL(location.href));
const page = parseAccountPage(readConfig(document));
const wishes = params.lang ? [params.lang, ...navigator.languages] : navigator.languages;
document.documentElement.lang = chooseLanguage(wishes);
if (page.page !== 'refused') applyTheme(document.documentElement, params.theme, page.tenant);

const root = document.getElementById('app');
if (root) {
  render(
    <Account
      page={page}
      fetch={(url, init) => fetch(url, init)}
      path={location.pathname}
      go={(to) => location.replace(to)}
    />,
    root,
  );
}
