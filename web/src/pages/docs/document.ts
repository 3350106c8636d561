// The OpenAPI document, read for people: methods by object, and their fields flat.

export interface Field {
  name: string;
  type: string;
  required: boolean;
  about: string;
}

export interface Method {
  id: string;
  verb: string;
  path: string;
  summary: string;
  /** The lowest role that may call it; `null`: no session is needed. */
  role: string | null;
  fields: readonly Field[];
  answer: readonly Field[];
  example: unknown;
  /** An answer. */
  sample: unknown;
  statuses: readonly { status: string; about: string }[];
}

export interface Group {
  name: string;
  methods: readonly Method[];
}

type Json = Record<string, unknown>;
const object = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
/** How deep objects in objects are shown. */
const DEEPEST = 3;

/** Reads the document; parts that are not as expected are left out. */
export function readDocument(document: unknown): Group[] {
  const root = object(document);
  const groups = new Map<string, Method[]>();
  for (const [path, item] of Object.entries(object(root['paths']))) {
    for (const [verb, operation] of Object.entries(object(item))) {
      const name = groupOf(path);
      const known = groups.get(name) ?? [];
      known.push(method(root, path, verb, object(operation)));
      groups.set(name, known);
    }
  }
  return [...groups]
    .map(([name, methods]) => ({ name, methods }))
    .sort((a, b) => rank(a.name) - rank(b.name) || a.name.localeCompare(b.name));
}

const PARTNER = '/enterprise_api/';

function groupOf(path: string): string {
  if (path.startsWith(PARTNER))
    return path.slice(PARTNER.length).split('/')[0]?.replace('.json', '') ?? '';
  return path.startsWith('/relay/') ? 'relays' : 'pages';
}

const FIRST = ['authenticate', 'company', 'host', 'contact', 'conference'];
const LAST = ['pages', 'relays'];

/** Signing in first, what partners do not call last. */
function rank(group: string): number {
  const first = FIRST.indexOf(group);
  return first >= 0 ? first : FIRST.length + LAST.indexOf(group) + 1;
}

function method(root: Json, path: string, verb: string, operation: Json): Method {
  const content = object(object(operation['requestBody'])['content']);
  const body = object(content['application/json']);
  const responses = object(operation['responses']);
  const done = object(object(object(responses['200'])['content'])['application/json']);
  const parameters = list(operation['parameters']).map(object);
  return {
    id: text(operation['operationId']),
    verb: verb.toUpperCase(),
    path,
    summary: text(operation['summary']),
    role: text(operation['x-lowest-role']) || null,
    fields: [
      ...parameters.map((parameter) => ({
        name: text(parameter['name']),
        type: typeOf(root, object(parameter['schema'])),
        required: parameter['required'] === true,
        about: text(object(parameter['schema'])['description']),
      })),
      ...fields(root, object(body['schema'])),
    ],
    answer: fields(root, object(done['schema'])),
    example: body['example'] ?? null,
    sample: sampleOf(root, object(done['schema'])),
    statuses: Object.entries(responses).map(([status, response]) => ({
      status,
      about: text(object(response)['description']),
    })),
  };
}

/** The example that the schema of an object has, or of the objects in a list. */
function sampleOf(root: Json, schema: Json): unknown {
  const own = resolved(root, schema);
  if (own['items'] === undefined) return list(own['examples'])[0] ?? null;
  const one = sampleOf(root, object(own['items']));
  return one === null ? null : [one];
}

/** What a `$ref` leads to. */
function resolved(root: Json, schema: Json): Json {
  const link = text(schema['$ref']);
  if (!link.startsWith('#/')) return schema;
  let found: unknown = root;
  for (const part of link.slice(2).split('/')) found = object(found)[part];
  return object(found);
}

/** The fields of a schema, those of objects in it behind a dot. */
export function fields(root: Json, schema: Json, prefix = '', depth = 0): Field[] {
  const own = resolved(root, schema);
  const parts = list(own['allOf']).flatMap((part) => fields(root, object(part), prefix, depth));
  const items = own['items'];
  if (items && depth < DEEPEST)
    parts.push(...fields(root, object(items), `${prefix}[].`, depth + 1));
  const required = list(own['required']);
  for (const [name, value] of Object.entries(object(own['properties']))) {
    const field = object(value);
    parts.push({
      name: prefix + name,
      type: typeOf(root, field),
      required: required.includes(name),
      about: text(field['description']) || text(resolved(root, field)['description']),
    });
    const inner = nullable(root, field);
    if (depth < DEEPEST && (inner['properties'] || inner['items'])) {
      const below = inner['items'] ? `${prefix}${name}` : `${prefix}${name}.`;
      parts.push(...fields(root, inner, below, depth + 1));
    }
  }
  return parts;
}

/** The schema without the alternative of being null. */
function nullable(root: Json, schema: Json): Json {
  const own = resolved(root, schema);
  const choices = list(own['anyOf']).map(object);
  const other = choices.filter((choice) => choice['type'] !== 'null');
  return other.length === 1 && other[0] ? resolved(root, other[0]) : own;
}

function typeOf(root: Json, schema: Json): string {
  const own = resolved(root, schema);
  const choices = [...list(own['anyOf']), ...list(own['oneOf'])].map(object);
  if (choices.length > 0) {
    return [...new Set(choices.map((choice) => typeOf(root, choice)))].join(' | ');
  }
  if (own['const'] !== undefined) return JSON.stringify(own['const']);
  const values = list(own['enum']);
  if (values.length > 0) return values.map((value) => JSON.stringify(value)).join(' | ');
  const type = own['type'];
  const names = (Array.isArray(type) ? type : [type]).filter((name) => typeof name === 'string');
  return (
    names
      .map((name) => (name === 'array' ? `${typeOf(root, object(own['items']))}[]` : name))
      .join(' | ') || 'object'
  );
}
