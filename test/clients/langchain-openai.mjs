// SPDX-License-Identifier: MIT
// LangChain JS with @langchain/openai.
import { ChatOpenAI, OpenAIEmbeddings } from "@langchain/openai";
import { MODEL } from "./common.mjs";
import { casesOf } from "./langchain.mjs";

const configuration = ({ base }) => ({ baseURL: base });

export const cases = {
  ...casesOf(
    (at) => new ChatOpenAI({ model: MODEL, apiKey: "sk-mine", configuration: configuration(at) }),
  ),
  async embeddings(at) {
    const model = new OpenAIEmbeddings({
      model: "text-embedding-3-small",
      apiKey: "sk-mine",
      configuration: configuration(at),
    });
    return { count: (await model.embedDocuments(["one", "two"])).length };
  },
};
