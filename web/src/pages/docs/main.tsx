// Starts the page of the partner API.
import { render } from 'preact';
import { chooseLanguage } from '../../i18n/text';
import { Docs } from './docs';
import { readDocument, type Group } from './document';

document.documentElement.lang = chooseLanguage(navigator.languages);

async function load(): Promise<Group[] | null> {
  try {
    const response = await fetch('/enterprise_api/openapi.json');
    return response.ok ? readDocument(await response.json()) : null;
  } catch {
    return null;
  }
}

const root = document.getElementById('app');
void load().then((groups) => {
  if (!root) return;
  render(<Docs groups={groups} origin={location.origin} />, root);
  // The place that the address names is there only now.
  document.getElementById(location.hash.slice(1))?.scrollIntoView();
});
