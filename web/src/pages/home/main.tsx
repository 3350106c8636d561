// The home page: a code leads to its meeting, and a signed-in host to its own.
import { render } from 'preact';
import { passOn, signOut, tradeHandoff, type FrameSession } from '../../account/session';
import { toClipboard } from '../../components/copy-field';
import { parseHomePage, readConfig } from '../../config/page';
import { parseRoomParams, withoutSecrets } from '../../config/params';
import { chooseLanguage } from '../../i18n/text';
import { applyTheme } from '../../theme/branding';
import { Home } from './home';

const address = new URL(location.href);
const params = parseRoomParams(address);
const page = parseHomePage(readConfig(document));
const clean = withoutSecrets(address);
if (clean.href !== address.href) history.replaceState(history.state, '', clean);
const wishes = params.lang ? [params.lang, ...navigator.languages] : navigator.languages;
document.documentElement.lang = chooseLanguage(wishes);
applyTheme(document.documentElement, params.theme, page.tenant);

const send = (url: string, init: RequestInit) => fetch(url, init);

void begin();

async function begin(): Promise<void> {
  const session = params.handoff ? await tradeHandoff(send, params.handoff) : null;
  show(session);
}

function show(session: FrameSession | null): void {
  const root = document.getElementById('app');
  if (!root) return;
  const account = session?.account ?? page.account;
  const path = account ? roomPath(account.accessCode) : '/';
  const open = async (to: string) => {
    // A frame's session lives in this page: the next one gets it by a one-time value.
    const handoff = session ? await passOn(send, session.token) : null;
    location.assign(handoff ? `${to}#handoff=${handoff}${parent()}` : to);
  };
  render(
    <Home
      tenant={page.tenant}
      account={account}
      administers={page.administers}
      framed={window.parent !== window}
      own={{ link: new URL(path, location.origin).href, path }}
      actions={{
        go: (code) => void open(roomPath(code)),
        start: () => void open(path),
        copy: toClipboard,
        signOut: async () => {
          const to = await signOut(send, session?.token ?? null);
          if (to === null) return false;
          location.assign(to);
          return true;
        },
      }}
    />,
    root,
  );
}

/** Who frames this page, as the sign-in told it, for the next one. */
function parent(): string {
  return params.parentOrigin ? `&parent=${encodeURIComponent(params.parentOrigin)}` : '';
}

function roomPath(code: string): string {
  return `/conf/call/${encodeURIComponent(code)}`;
}
