// Shows, in the form that submits a task, what the chosen type does and what its payload may hold.
"use strict";

(() => {
  const facts = new Map(JSON.parse(document.getElementById("type-facts").textContent).map((each) => [each.name, each]));
  const field = (name) => document.getElementById(`id_${name}`);
  const [type, payload] = [field("type"), field("payload")];
  const ownQueue = field("queue").querySelector("option[value='']");

  function make(tag, className, text, ...children) {
    const element = document.createElement(tag);
    element.className = className;
    element.append(text, ...children);
    return element;
  }

  const description = make("p", "ty-hint", "");
  const schema = make("pre", "ty-code", "");
  const example = make("button", "text-link ty-hint", "Fill in the example");
  const details = make("details", "ty-hint", "", make("summary", "text-link", "What the payload may hold (JSON Schema)"), schema);
  example.type = "button";
  type.closest("div").after(description);
  payload.after(example, details);

  function show() {
    const chosen = facts.get(type.value);
    description.textContent = chosen ? chosen.description : "";
    details.hidden = !chosen;
    schema.textContent = chosen ? JSON.stringify(chosen.schema, null, 2) : "";
    example.hidden = !(chosen && chosen.schema.examples);
    ownQueue.textContent = chosen ? `The type's own: ${chosen.queue}` : "The type's own";
    field("max_attempts").placeholder = chosen ? chosen.max_attempts : "";
    field("timeout").placeholder = chosen ? chosen.timeout : "";
  }

  example.addEventListener("click", () => {
    payload.value = JSON.stringify(facts.get(type.value).schema.examples[0], null, 2);
    payload.focus();
  });
  type.addEventListener("change", show);
  show();
})();
