"""The providers that speak plain chat completions: hosted ones, and servers of the user's own."""

from __future__ import annotations

from typing import Final

from pytest_agentfix.gateway.providers.protocols import ProviderRow, WireProtocol, make_row

# Name, base URL, the key's variable, and the package that knows the provider's own ways.
_CHAT_ROWS: Final[tuple[tuple[str, str, str, str], ...]] = (
    ("302ai", "https://api.302.ai/v1", "302AI_API_KEY", ""),
    ("aihubmix", "https://aihubmix.com/v1", "AIHUBMIX_API_KEY", ""),
    ("alibaba", "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", "DASHSCOPE_API_KEY", ""),
    ("alibaba-cn", "https://dashscope.aliyuncs.com/compatible-mode/v1", "DASHSCOPE_API_KEY", ""),
    ("baseten", "https://inference.baseten.co/v1", "BASETEN_API_KEY", ""),
    ("cerebras", "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY", "@ai-sdk/cerebras"),
    ("chutes", "https://llm.chutes.ai/v1", "CHUTES_API_KEY", ""),
    (
        "cloudflare-workers-ai",
        "https://api.cloudflare.com/client/v4/accounts/${CLOUDFLARE_ACCOUNT_ID}/ai/v1",
        "CLOUDFLARE_API_KEY",
        "",
    ),
    ("cohere", "https://api.cohere.ai/compatibility/v1", "COHERE_API_KEY", ""),
    ("databricks", "https://${DATABRICKS_HOST}/ai-gateway/mlflow/v1", "DATABRICKS_TOKEN", ""),
    ("deepseek", "https://api.deepseek.com", "DEEPSEEK_API_KEY", ""),
    ("digitalocean", "https://inference.do-ai.run/v1", "DIGITALOCEAN_ACCESS_TOKEN", ""),
    ("fireworks-ai", "https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY", ""),
    ("friendli", "https://api.friendli.ai/serverless/v1", "FRIENDLI_TOKEN", ""),
    ("github-models", "https://models.github.ai/inference", "GITHUB_TOKEN", ""),
    ("groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY", "@ai-sdk/groq"),
    ("helicone", "https://ai-gateway.helicone.ai/v1", "HELICONE_API_KEY", ""),
    ("huggingface", "https://router.huggingface.co/v1", "HF_TOKEN", ""),
    ("inception", "https://api.inceptionlabs.ai/v1", "INCEPTION_API_KEY", ""),
    ("inference", "https://inference.net/v1", "INFERENCE_API_KEY", ""),
    ("kilo", "https://api.kilo.ai/api/gateway", "KILO_API_KEY", ""),
    ("llama", "https://api.llama.com/compat/v1", "LLAMA_API_KEY", ""),
    ("llmgateway", "https://api.llmgateway.io/v1", "LLMGATEWAY_API_KEY", ""),
    ("mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY", "@ai-sdk/mistral"),
    ("modelscope", "https://api-inference.modelscope.cn/v1", "MODELSCOPE_API_KEY", ""),
    ("moonshotai", "https://api.moonshot.ai/v1", "MOONSHOT_API_KEY", ""),
    ("moonshotai-cn", "https://api.moonshot.cn/v1", "MOONSHOT_API_KEY", ""),
    ("nano-gpt", "https://nano-gpt.com/api/v1", "NANO_GPT_API_KEY", ""),
    ("nebius", "https://api.tokenfactory.nebius.com/v1", "NEBIUS_API_KEY", ""),
    ("novita-ai", "https://api.novita.ai/openai", "NOVITA_API_KEY", ""),
    ("nvidia", "https://integrate.api.nvidia.com/v1", "NVIDIA_API_KEY", ""),
    ("ollama-cloud", "https://ollama.com/v1", "OLLAMA_API_KEY", ""),
    ("ovhcloud", "https://oai.endpoints.kepler.ai.cloud.ovh.net/v1", "OVHCLOUD_API_KEY", ""),
    ("poe", "https://api.poe.com/v1", "POE_API_KEY", ""),
    ("requesty", "https://router.requesty.ai/v1", "REQUESTY_API_KEY", ""),
    ("scaleway", "https://api.scaleway.ai/v1", "SCALEWAY_API_KEY", ""),
    ("siliconflow", "https://api.siliconflow.com/v1", "SILICONFLOW_API_KEY", ""),
    ("siliconflow-cn", "https://api.siliconflow.cn/v1", "SILICONFLOW_CN_API_KEY", ""),
    ("stackit", "https://api.openai-compat.model-serving.eu01.onstackit.cloud/v1",
     "STACKIT_API_KEY", ""),
    ("stepfun", "https://api.stepfun.com/v1", "STEPFUN_API_KEY", ""),
    ("synthetic", "https://api.synthetic.new/openai/v1", "SYNTHETIC_API_KEY", ""),
    ("togetherai", "https://api.together.xyz/v1", "TOGETHER_API_KEY", "@ai-sdk/togetherai"),
    ("upstage", "https://api.upstage.ai/v1/solar", "UPSTAGE_API_KEY", ""),
    ("v0", "https://api.v0.dev/v1", "V0_API_KEY", ""),
    ("vercel", "https://ai-gateway.vercel.sh/v1", "AI_GATEWAY_API_KEY", ""),
    ("volcengine", "https://ark.cn-beijing.volces.com/api/v3", "ARK_API_KEY", ""),
    ("vultr", "https://api.vultrinference.com/v1", "VULTR_API_KEY", ""),
    ("wandb", "https://api.inference.wandb.ai/v1", "WANDB_API_KEY", ""),
    ("xai", "https://api.x.ai/v1", "XAI_API_KEY", "@ai-sdk/xai"),
    ("xiaomi", "https://api.xiaomimimo.com/v1", "XIAOMI_API_KEY", ""),
    ("zai", "https://api.z.ai/api/paas/v4", "ZHIPU_API_KEY", ""),
    ("zai-coding-plan", "https://api.z.ai/api/coding/paas/v4", "ZHIPU_API_KEY", ""),
    ("zhipuai", "https://open.bigmodel.cn/api/paas/v4", "ZHIPU_API_KEY", ""),
    ("zhipuai-coding-plan", "https://open.bigmodel.cn/api/coding/paas/v4", "ZHIPU_API_KEY", ""),
)  # fmt: skip

# Servers of the user's own at their usual address. Many have no key.
_LOCAL_ROWS: Final[tuple[tuple[str, str, str], ...]] = (
    ("lmstudio", "http://127.0.0.1:1234/v1", "LMSTUDIO_API_KEY"),
    ("ollama", "http://127.0.0.1:11434/v1", ""),
    ("llama.cpp", "http://127.0.0.1:8080/v1", "LLAMA_CPP_API_KEY"),
    ("vllm", "http://127.0.0.1:8000/v1", "VLLM_API_KEY"),
    ("litellm", "http://127.0.0.1:4000/v1", "LITELLM_API_KEY"),
)


def _make_row(name: str, base_url: str, key_name: str, npm: str = "", **more: bool) -> ProviderRow:
    own = {"npm": npm} if npm else {}
    key_names = (key_name,) if key_name else ()
    return make_row(name, WireProtocol.CHAT, base_url=base_url, key_names=key_names, **own, **more)


CHAT_PROVIDERS: Final[tuple[ProviderRow, ...]] = (
    *(_make_row(*row) for row in _CHAT_ROWS),
    *(_make_row(*row, is_key_optional=True) for row in _LOCAL_ROWS),
)
