import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {removeRoute} from '../../src/cli/remove-route.ts'

const LIST = `# yaml-language-server: $schema=../schemas/file.schema.json

# the shop
- id: "shop.localhost"   # inline
  target: http://127.0.0.1:1
  # inside

# the api
-   id: shop.localhost/api
    target:
      http://127.0.0.1:2    # odd, but YAML

# end
- {id: flow.localhost, target: "http://127.0.0.1:3"}
`

const cases: {name: string; text: string; id: string; left: string | null}[] = [
  {
    name: 'the first of a list goes with its own lines only',
    text: LIST,
    id: 'shop.localhost',
    left: LIST.replace('- id: "shop.localhost"   # inline\n  target: http://127.0.0.1:1\n', ''),
  },
  {
    name: 'one in the middle',
    text: LIST,
    id: 'shop.localhost/api',
    left: LIST.replace(/- {3}id: shop.localhost\/api\n.*\n.*YAML\n/, ''),
  },
  {name: 'the last one', text: LIST, id: 'flow.localhost', left: LIST.replace(/- \{id: flow.*\n/, '')},
  {name: 'an id that is not there', text: LIST, id: 'other', left: null},
  {name: 'the only one of a list', text: '# x\n- id: a\n  target: t\n', id: 'a', left: ''},
  {name: 'a file that is one route', text: 'id: a\ntarget: t\n', id: 'a', left: ''},
  {
    name: 'no line break at the end',
    text: '- id: a\n  target: t\n- id: b\n  target: u',
    id: 'b',
    left: '- id: a\n  target: t\n',
  },
  {name: 'windows line ends', text: '- id: a\r\n  target: t\r\n- id: b\r\n', id: 'a', left: '- id: b\r\n'},
  {name: 'the first of a flow list', text: '[{id: a, target: t}, {id: b}]\n', id: 'a', left: '[{id: b}]\n'},
  {name: 'the last of a flow list', text: '[{id: a, target: t}, {id: b}]\n', id: 'b', left: '[{id: a, target: t}]\n'},
  {
    name: 'a block scalar at the end of the entry',
    text: '- id: a\n  target: t\n  note: |\n    one\n\n    two\n- id: b\n',
    id: 'a',
    left: '- id: b\n',
  },
  {
    name: 'one of routes:',
    text: 'routes:\n  - id: a\n    target: t\n  - id: b\n    target: u\nservices: []\n',
    id: 'a',
    left: 'routes:\n  - id: b\n    target: u\nservices: []\n',
  },
  {
    name: 'the last of routes: takes the key with it',
    text: '# top\nroutes:\n  - id: a\n    target: t\n# mid\nservices:\n  - slug: s\n',
    id: 'a',
    left: '# top\n# mid\nservices:\n  - slug: s\n',
  },
  {name: 'the last of routes: where nothing else is said', text: '$schema: x\nroutes:\n- id: a\n', id: 'a', left: ''},
  {
    name: 'a document between others',
    text: 'id: a\n---\n# two\nid: b\n---\nid: c\n',
    id: 'b',
    left: 'id: a\n---\nid: c\n',
  },
  {name: 'the first document', text: '# one\nid: a\n---\nid: b\n', id: 'a', left: '---\nid: b\n'},
  {name: 'the last document', text: '---\nid: a\n---\nid: b\n', id: 'b', left: '---\nid: a\n'},
  {
    name: 'a test or a service of that name is no route',
    text: 'services:\n  - slug: a\n    id: a\n',
    id: 'a',
    left: null,
  },
]

for (const {name, text, id, left} of cases) {
  test(`removes a route and nothing else: ${name}`, () => {
    assert.is(
      removeRoute(text, candidate => candidate === id),
      left,
    )
  })
}

test.run()
