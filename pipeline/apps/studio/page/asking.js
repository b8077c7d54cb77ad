// Requests to the server, and files to and from the visitor. Failures are Errors whose message is a sentence.

const MOST_BYTES = 32 * 2 ** 20;

/** Posts a file or an object; -> Response. */
export async function ask(path, body) {
  if (body instanceof Blob && body.size > MOST_BYTES) throw new Error("This file is too large: at most 32 MB.");
  const sent = body instanceof Blob ? body : JSON.stringify(body);
  let answer;
  try {
    answer = await fetch(`/api/${path}`, { method: "POST", body: sent });
  } catch {
    throw new Error("The studio does not answer: is its program still running?");
  }
  if (!answer.ok) throw new Error((await answer.text()).slice(0, 300));
  return answer;
}

/** Gives the visitor a file. */
export function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

/** "face-1203-1430": what a saved drawing is called, by the time. */
export function fileName(what, ending) {
  const now = new Date(), two = (value) => String(value).padStart(2, "0");
  const day = `${two(now.getMonth() + 1)}${two(now.getDate())}-${two(now.getHours())}${two(now.getMinutes())}${two(now.getSeconds())}`;
  return `face-${day}-${what}.${ending}`;
}
