// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// Where the contracts of a child chain live from its genesis on. Those up to ...001A have the OP
/// Stack's addresses (its specification, predeploys.md); ...08xx are ours, for what OP does not have.
library Predeploys {
    address internal constant WETH = 0x4200000000000000000000000000000000000006;
    address internal constant L2_CROSS_DOMAIN_MESSENGER = 0x4200000000000000000000000000000000000007;
    address internal constant GAS_PRICE_ORACLE = 0x420000000000000000000000000000000000000F;
    address internal constant L2_STANDARD_BRIDGE = 0x4200000000000000000000000000000000000010;
    address internal constant SEQUENCER_FEE_VAULT = 0x4200000000000000000000000000000000000011;
    address internal constant OPTIMISM_MINTABLE_ERC20_FACTORY = 0x4200000000000000000000000000000000000012;
    address internal constant L2_ERC721_BRIDGE = 0x4200000000000000000000000000000000000014;
    address internal constant L1_BLOCK_ATTRIBUTES = 0x4200000000000000000000000000000000000015;
    address internal constant L2_TO_L1_MESSAGE_PASSER = 0x4200000000000000000000000000000000000016;
    address internal constant OPTIMISM_MINTABLE_ERC721_FACTORY = 0x4200000000000000000000000000000000000017;
    address internal constant BASE_FEE_VAULT = 0x4200000000000000000000000000000000000019;
    address internal constant L1_FEE_VAULT = 0x420000000000000000000000000000000000001A;
    address internal constant L2_ERC1155_BRIDGE = 0x4200000000000000000000000000000000000801;
    address internal constant OPTIMISM_MINTABLE_ERC1155_FACTORY = 0x4200000000000000000000000000000000000802;

    /// What OP's bridges call ether where a token's address is expected. No code is there.
    address internal constant LEGACY_ERC20_ETH = 0xDeadDeAddeAddEAddeadDEaDDEAdDeaDDeAD0000;

    /// Sends the first transaction of every block: the attributes of its origin on the parent.
    address internal constant DEPOSITOR_ACCOUNT = 0xDeaDDEaDDeAdDeAdDEAdDEaddeAddEAdDEAd0001;

    /// Sends the transactions made of the parent's configuration items.
    address internal constant CONFIG_ACCOUNT = 0xDeAddEAddeADdeADdEaDdEaddeadDeADdEAD0002;
}
