// Evaluates preview payloads with the page's modules. Reads one JSON line of {engine, payload, paints: [{hex, match}]}; prints the edits.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const { engine, payload, paints } = JSON.parse(readFileSync(0, "utf8"));
const load = (name) => import(pathToFileURL(`${engine}/${name}`).href);
const [{ parsePayload }, { PaintEvaluator }, { hexToLinear }] = await Promise.all(["payload.js", "paint.js", "color.js"].map(load));
const bytes = readFileSync(payload);
const parsed = await parsePayload(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
const evaluator = new PaintEvaluator(parsed);
const edits = paints.map(({ hex, match }) => {
  const times = [];
  let edit;
  for (let i = 0; i < 5; i++) {
    const start = performance.now();
    edit = evaluator.evaluate(hexToLinear(hex), match);
    times.push(performance.now() - start);
  }
  const curve = edit.curve && [...Array(41).keys()].map((i) => edit.curve.at(-2 + i / 10));
  return { ...edit, planes: [...edit.planes], target: [...edit.target], curve, ms: times.sort((a, b) => a - b)[2] };
});
process.stdout.write(JSON.stringify(edits));
