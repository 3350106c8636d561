// The partner API for people: what each method takes and answers.
import { useSignal } from '@preact/signals';
import { Logo } from '../../components/logo';
import { t } from '../../i18n/text';
import type { Field, Group, Method } from './document';

export function Docs({ groups, origin }: { groups: readonly Group[] | null; origin: string }) {
  const wanted = useSignal('');
  const word = wanted.value.trim().toLowerCase();
  const shown = (groups ?? [])
    .map((group) => ({
      ...group,
      methods: group.methods.filter(
        ({ path, summary }) =>
          path.toLowerCase().includes(word) || summary.toLowerCase().includes(word),
      ),
    }))
    .filter((group) => group.methods.length > 0);
  return (
    <div class="docs">
      <a class="skip" href="#methods">
        {t('docs.skip')}
      </a>
      <header class="docs-head">
        <Logo product="API" />
        <a href="/enterprise_api/openapi.json">openapi.json</a>
      </header>
      <nav class="docs-nav" aria-label={t('docs.nav')}>
        <label class="docs-find">
          <span class="visually-hidden">{t('docs.find')}</span>
          <input
            type="search"
            placeholder={t('docs.find')}
            value={wanted.value}
            onInput={(event) => (wanted.value = event.currentTarget.value)}
          />
        </label>
        {shown.map((group) => (
          <div key={group.name}>
            <h2>{group.name}</h2>
            <ul>
              {group.methods.map((method) => (
                <li key={method.id}>
                  <a href={`#${method.id}`}>{short(method)}</a>
                </li>
              ))}
            </ul>
          </div>
        ))}
      </nav>
      <main class="docs-main" id="methods">
        <h1>{t('docs.title')}</h1>
        <p class="docs-lead">{t('docs.lead')}</p>
        {groups === null && <p role="alert">{t('docs.failed')}</p>}
        {shown.flatMap((group) =>
          group.methods.map((method) => <One key={method.id} method={method} origin={origin} />),
        )}
      </main>
    </div>
  );
}

function short({ verb, path }: Method): string {
  const own = path.replace('/enterprise_api/', '');
  return verb === 'POST' ? own : `${verb} ${own}`;
}

function One({ method, origin }: { method: Method; origin: string }) {
  const { id, verb, path, summary, role, fields, answer, example, sample, statuses } = method;
  return (
    <section class="docs-method" id={id} aria-labelledby={`${id}-title`}>
      <h2 id={`${id}-title`}>
        <span class="docs-verb">{verb}</span> <code>{path}</code>
      </h2>
      <p>{summary}</p>
      <p class="docs-role">{role ? t('docs.role', { role }) : t('docs.role.none')}</p>
      <Fields title={t('docs.fields')} fields={fields} />
      {example !== null && (
        <>
          <h3>{t('docs.example')}</h3>
          <pre tabIndex={0} aria-label={t('docs.example')}>
            {curl(origin + path, example)}
          </pre>
        </>
      )}
      <Fields
        title={t('docs.answer')}
        fields={answer.map((field) => ({ ...field, required: false }))}
      />
      {sample !== null && (
        <details>
          <summary>{t('docs.sample')}</summary>
          <pre tabIndex={0} aria-label={t('docs.sample')}>
            {JSON.stringify(sample, null, 2)}
          </pre>
        </details>
      )}
      <details>
        <summary>{t('docs.statuses')}</summary>
        <dl class="docs-statuses">
          {statuses.map(({ status, about }) => (
            <div key={status}>
              <dt>{status}</dt>
              <dd>{about}</dd>
            </div>
          ))}
        </dl>
      </details>
    </section>
  );
}

function Fields({ title, fields }: { title: string; fields: readonly Field[] }) {
  if (fields.length === 0) return null;
  return (
    <>
      <h3>{title}</h3>
      <dl class="docs-fields">
        {fields.map(({ name, type, required, about }) => (
          <div key={name}>
            <dt>
              <code>{name}</code>
              {required && <span class="docs-required">{t('docs.required')}</span>}
            </dt>
            <dd>
              <code class="docs-type">{type}</code>
              {about && <span>{about}</span>}
            </dd>
          </div>
        ))}
      </dl>
    </>
  );
}

/** The call as one pastes it into a shell. */
export function curl(url: string, example: unknown): string {
  const body = JSON.stringify(example, null, 2).replaceAll("'", "'\\''");
  return `curl ${url} \\\n  -H 'content-type: application/json' \\\n  -d '${body}'`;
}
