import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readDocument } from './document';

const served: unknown = JSON.parse(
  readFileSync(new URL('../../../../docs/api/openapi.json', import.meta.url), 'utf8'),
);

test('the served document is read whole: every method has a summary and a place', () => {
  const groups = readDocument(served);
  const paths = (served as { paths: Record<string, object> }).paths;
  const methods = groups.flatMap((group) => group.methods);
  expect(methods.length).toBe(
    Object.values(paths).reduce((sum, item) => sum + Object.keys(item).length, 0),
  );
  expect(groups.slice(0, 3).map(({ name }) => name)).toEqual(['authenticate', 'company', 'host']);
  for (const method of methods) expect(method.summary, method.id).not.toBe('');
});

test('fields are flat, with their types and who must send them', () => {
  const all = readDocument(served).flatMap((group) => group.methods);
  const create = all.find(({ id }) => id === 'HostCreate');
  const field = (name: string) => create?.fields.find((candidate) => candidate.name === name);
  expect(create?.role).toBe('COMPANY_ADMIN');
  expect(field('name')).toMatchObject({ type: 'string', required: true });
  expect(field('role')?.type).toContain('"HOST"');
  expect(field('stream_preview.duration')?.required).toBe(false);
  expect(field('idempotency_key')).toBeDefined();
  expect(create?.answer.map(({ name }) => name)).toContain('access_code.number');
  expect(create?.example).toMatchObject({ name: 'John Host' });
  expect(create?.sample).toMatchObject({ host_id: 9, access_code: { number: '1234567' } });
  const listed = all.find(({ id }) => id === 'HostFetchAll');
  expect(listed?.sample).toMatchObject([{ host_id: 9, access_code: 1234567 }]);
});

test('nonsense gives an empty page', () => {
  for (const value of [null, 3, [], { paths: 5 }, { paths: { '/x': { get: null } } }]) {
    expect(() => readDocument(value)).not.toThrow();
  }
});
