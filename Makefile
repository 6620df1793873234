# SPDX-License-Identifier: Apache-2.0
#
#   make          build everything: keys, image, Agent, Broker, tools
#   make demo     install a Trusted Application through TEEP in QEMU, step by step
#   make shell    a root shell in the same machine, with a TAM running on this host
#   make test     all checks and tests, the system test in QEMU among them
#   make fuzz-smoke  each fuzz target of proto and the Agent for FUZZ_SECONDS (default 20); needs nightly Rust and cargo-fuzz
#   make panic-check  no panic is reachable from proto's object code; test-ta shows it of the linked Agent
#   make clean    remove what was made from this repository; downloads and OP-TEE stay
#   make distclean  remove the build directory
#
# Variables, all optional:
#   BUILD            build directory; default: build
#   AGENT_CONFIG     the Agent's configuration; default: ta/agent.toml with development keys made by this build
#   OPTEE_OS_SRC     an optee_os tree to build instead of Debian's, as it is
#   OPTEE_PATCHES    1: a copy of that tree gets the patches of qemu/patches, as Debian's does
#   TA_DEV_KIT_DIR   a TA dev kit (export-ta_arm64) of your own
#   TA_SIGN_KEY      private key that signs TAs, and that OP-TEE is built to trust; default: OP-TEE's development key
#   DEBIAN_MIRROR    a Debian mirror; default: the one this machine's apt uses
#   KILLS, CYCLES    power cuts within Updates, installations and removals in the system test; default: 20 and 8

SHELL := /bin/bash
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

BUILD ?= build
override BUILD := $(abspath $(BUILD))
KEYS := $(BUILD)/keys
OUT := $(BUILD)/out
CROSS := $(BUILD)/cross
GUEST := $(CROSS)/aarch64-unknown-linux-gnu/release
HOST := $(BUILD)/host
AGENT_UUID := f15aa4a3-e3c4-4c8f-8477-30824b81d2b4
HELLO_UUID := 1c42796f-7fc4-4536-b751-6a58e6f4540c
OTHER_UUID := 8bc112a5-7060-47d1-bf62-1b4082ebe321
ifdef AGENT_CONFIG
override AGENT_CONFIG := $(abspath $(AGENT_CONFIG))
else
AGENT_CONFIG := $(KEYS)/agent.toml
endif

export BUILD AGENT_UUID
export TEEP_AGENT_CONFIG := $(AGENT_CONFIG)
# The other variables reach the scripts from the command line or the environment as they are. An empty TA_SIGN_KEY
# must not: OP-TEE's build takes it for one that was chosen.
ifdef TA_SIGN_KEY
override TA_SIGN_KEY := $(abspath $(TA_SIGN_KEY))
export TA_SIGN_KEY
endif

# Build output of cargo only when something fails or takes its time.
CARGO_HOST := CARGO_TARGET_DIR=$(HOST) cargo
BENCH := $(HOST)/debug/teep-qemu

.PHONY: all tools host keys platform platform-stock tas agent-ed25519 programs image demo shell test lint test-host test-ta test-system fuzz-smoke panic-check clean distclean

all: image

# Programs this build calls; says what to install.
tools:
	@command -v cargo >/dev/null || { echo "error: cargo is missing: install stable Rust with rustup"; exit 1; }
	@qemu/host-tools.sh

# The Broker is there for its help: the one that reaches an Agent needs libteec (programs).
host: tools
	@$(CARGO_HOST) build --locked --quiet -p teep-suit -p teep-tam -p teep-broker -p teep-qemu

# Development keys, made once. No product may trust them. And the bench's configuration, which names them.
keys: host $(KEYS)/agent.toml $(KEYS)/optee.suit

$(KEYS)/%.pub.pem:
	@mkdir -p $(KEYS)
	@rm -f $(KEYS)/$*.pem $(KEYS)/$*.pub.*
	@$(HOST)/debug/teep-suit keygen --algorithm $(ALGORITHM) --out $(KEYS)/$* >/dev/null
	@echo "new development key: $(KEYS)/$*.pem"

$(KEYS)/tam-esp256.pub.pem $(KEYS)/signer.pub.pem $(KEYS)/operator.pub.pem $(KEYS)/owner.pub.pem: ALGORITHM := esp256
$(KEYS)/tam-ed25519.pub.pem: ALGORITHM := ed25519
PUBLIC_KEYS := $(addprefix $(KEYS)/,tam-esp256.pub.pem tam-ed25519.pub.pem signer.pub.pem operator.pub.pem owner.pub.pem)
$(PUBLIC_KEYS): | host

$(KEYS)/agent.toml: ta/agent.toml $(PUBLIC_KEYS)
	@cp $< $@.new && mv $@.new $@

# The manifest of the OP-TEE that was built, which the Agent's Evidence names. Left alone when it is the same: the Agent
# is built anew when something changes here.
$(KEYS)/optee.suit: platform $(KEYS)/signer.pub.pem
	@source $(BUILD)/optee/env && sed "s|OPTEE_CORE|$$OPTEE_CORE|" qemu/optee.toml >$(BUILD)/image/optee.toml
	@$(HOST)/debug/teep-suit create $(BUILD)/image/optee.toml --key $(KEYS)/signer.pem \
		--out $(BUILD)/image/optee.suit >/dev/null
	@cmp -s $(BUILD)/image/optee.suit $@ || cp $(BUILD)/image/optee.suit $@

# Toolchain, OP-TEE with our patches, firmware, Linux: from Debian packages, cached.
platform: tools
	@qemu/toolchain.sh
	@qemu/optee.sh
	@qemu/firmware.sh
	@qemu/image.sh
	@qemu/libteec.sh

# The same firmware around an OP-TEE without patches, for the tests of what the Agent does on that.
platform-stock: platform
	@qemu/optee.sh stock
	@qemu/firmware.sh stock

# Trusted Applications, signed with the kit of the OP-TEE that runs.
tas: platform keys
	@source $(BUILD)/optee/env && ta/build-ta.sh teep-agent-ta $(AGENT_UUID) 1 $(OUT)/$(AGENT_UUID).ta
	@source $(BUILD)/optee/env && ta/build-ta.sh hello-ta $(HELLO_UUID) 1 $(OUT)/hello-1.ta
	@source $(BUILD)/optee/env && ta/build-ta.sh hello-ta $(HELLO_UUID) 2 $(OUT)/hello-2.ta
	@source $(BUILD)/optee/env && HELLO_PADDING=1048576 ta/build-ta.sh hello-ta $(HELLO_UUID) 1 $(OUT)/hello-large.ta
	@source $(BUILD)/optee/env && ta/build-ta.sh other-ta $(OTHER_UUID) 1 $(OUT)/$(OTHER_UUID).ta

# The Agent with the other cipher suite. A system test puts it into the place of the one in the image.
agent-ed25519: tas $(KEYS)/agent-ed25519.toml
	@source $(BUILD)/optee/env && TEEP_AGENT_CONFIG=$(KEYS)/agent-ed25519.toml \
		ta/build-ta.sh teep-agent-ta $(AGENT_UUID) 1 $(OUT)/agent-ed25519.ta

$(KEYS)/agent-ed25519.toml: $(KEYS)/agent.toml
	@sed 's/^\[device\]$$/&\ncipher-suite = "Ed25519"/' $< >$@

# What runs in the guest's Linux.
programs: platform
	@source $(BUILD)/rust/env && OPTEE_CLIENT_EXPORT=$(BUILD)/optee-client CARGO_TARGET_DIR=$(CROSS) \
		cargo build --locked --quiet --release --target aarch64-unknown-linux-gnu \
		-p teep-broker -p hello-client -p guest-probe --features teep-broker/optee

# The demo TA is not in it: TEEP installs it. The other TA is there to be refused the demo TA's data.
image: tas programs
	@qemu/initrd.sh $(GUEST)/teep-broker=/bin/teep-broker $(GUEST)/hello-client=/bin/hello-client \
		$(GUEST)/guest-probe=/bin/guest-probe qemu/motd=/etc/motd \
		$(OUT)/$(AGENT_UUID).ta=/lib/optee_armtz/$(AGENT_UUID).ta \
		$(OUT)/$(OTHER_UUID).ta=/lib/optee_armtz/$(OTHER_UUID).ta

demo: image
	@$(BENCH) demo --build $(BUILD)

shell: image
	@$(BENCH) shell --build $(BUILD)

test: lint test-host panic-check test-ta test-system

lint: tools
	cargo fmt --all --check
	$(CARGO_HOST) clippy --locked --quiet --all-targets --features teep-agent/toml,teep-qemu/system-test -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO_HOST) doc --locked --quiet --no-deps

test-host: tools
	$(CARGO_HOST) test --locked --quiet --features teep-agent/toml

fuzz-smoke:
	@proto/fuzz/smoke.sh

panic-check: tools
	@CARGO_TARGET_DIR=$(HOST) proto/panic-check.sh

# The OP-TEE side without OP-TEE, the guards, then the real thing.
test-ta: tas
	$(CARGO_HOST) test --locked --quiet -p teep-agent-ta -p teep-personalization
	ta/test-guards.sh
	source $(BUILD)/optee/env && ta/lint-tas.sh
	source $(BUILD)/optee/env && proto/panic-check.sh agent

test-system: image platform-stock agent-ed25519
	TEEP_BUILD=$(BUILD) $(CARGO_HOST) test --locked -p teep-qemu --features system-test --test system -- --show-output

clean:
	rm -rf $(HOST) $(CROSS) $(BUILD)/ta $(OUT) $(BUILD)/runs

distclean:
	rm -rf $(BUILD)
