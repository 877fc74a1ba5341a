// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {IERC1155Receiver} from "@openzeppelin/contracts-shanghai/token/ERC1155/IERC1155Receiver.sol";
import {IERC165} from "@openzeppelin/contracts-shanghai/utils/introspection/IERC165.sol";
import {Bridge} from "../../bridge/Bridge.sol";
import {ERC1155Bridge} from "../../bridge/ERC1155Bridge.sol";
import {OptimismMintableERC1155} from "../../bridge/OptimismMintableERC1155.sol";
import {FeeMulti, MoodyMulti} from "./Tokens.sol";
import {World} from "./World.sol";

contract ERC1155BridgeTest is World {
    address internal constant ALICE = address(0xa11ce);
    address internal constant BOB = address(0xb0b);
    uint32 internal constant GAS = 500_000;

    MoodyMulti internal token1;
    OptimismMintableERC1155 internal image2;
    MoodyMulti internal token2;
    OptimismMintableERC1155 internal image1;

    function setUp() public override {
        super.setUp();
        token1 = new MoodyMulti();
        token2 = new MoodyMulti();
        image2 = OptimismMintableERC1155(multiFactory2.createOptimismMintableERC1155(address(token1), "Image", "IMG"));
        image1 = OptimismMintableERC1155(multiFactory1.createOptimismMintableERC1155(address(token2), "Image", "IMG"));
    }

    function _deliver(bool up) private {
        vm.assertTrue(up ? _finalizeLast() : _runDeposit(), "delivery failed");
        _collect();
    }

    function _side(bool up) private view returns (ERC1155Bridge) {
        return up ? ERC1155Bridge(multiBridge2) : ERC1155Bridge(multiBridge1);
    }

    function _bridge(bool up, MoodyMulti local, address remote, uint256 id, uint256 amount) private {
        local.mint(ALICE, id, amount);
        _as(ALICE);
        local.setApprovalForAll(address(_side(up)), true);
        ERC1155Bridge bridge = _side(up);
        _as(ALICE);
        bridge.bridgeERC1155To(address(local), remote, BOB, id, amount, GAS, "x");
        _collect();
    }

    function _batch(uint256 size) private pure returns (uint256[] memory ids, uint256[] memory amounts) {
        ids = new uint256[](size);
        amounts = new uint256[](size);
        for (uint256 i = 0; i < size; i++) {
            (ids[i], amounts[i]) = (i * 3, i + 1);
        }
    }

    function test_tokensOfTheParentGoDownAndUp(uint256 id, uint256 amount) public {
        _bridge(false, token1, address(image2), id, amount);
        vm.assertEq(multiBridge1.deposits(address(token1), address(image2), id), amount);
        _deliver(false);
        vm.assertEq(image2.balanceOf(BOB, id), amount);
        vm.assertEq(image2.totalSupply(id), amount);
        _as(BOB);
        multiBridge2.bridgeERC1155(address(image2), address(token1), id, amount, GAS, "");
        _deliver(true);
        vm.assertEq(token1.balanceOf(BOB, id), amount);
        vm.assertEq(multiBridge1.deposits(address(token1), address(image2), id), 0);
    }

    function test_tokensOfTheChildGoUpAndDown(uint256 id, uint256 amount) public {
        _bridge(true, token2, address(image1), id, amount);
        _deliver(true);
        vm.assertEq(image1.balanceOf(BOB, id), amount);
        _as(BOB);
        multiBridge1.bridgeERC1155To(address(image1), address(token2), ALICE, id, amount, GAS, "");
        _deliver(false);
        vm.assertEq(token2.balanceOf(ALICE, id), amount);
    }

    function test_theLargestBatchGoesDownAndUpAndBack() public {
        (uint256[] memory ids, uint256[] memory amounts) = _batch(multiBridge1.MAX_BATCH());
        for (uint256 i = 0; i < ids.length; i++) {
            token1.mint(ALICE, ids[i], amounts[i]);
        }
        _as(ALICE);
        token1.setApprovalForAll(address(multiBridge1), true);
        for (uint256 i = 0; i < 2; i++) {
            address remote = i == 0 ? address(0x77) : address(image2);
            _as(ALICE);
            multiBridge1.bridgeBatchERC1155To(address(token1), remote, ALICE, ids, amounts, 6_000_000, "");
            _deliver(false);
            if (i == 0) _deliver(true); // it came back
        }
        for (uint256 i = 0; i < ids.length; i++) {
            vm.assertEq(image2.balanceOf(ALICE, ids[i]), amounts[i]);
        }
        _as(ALICE);
        multiBridge2.bridgeBatchERC1155To(address(image2), address(token1), BOB, ids, amounts, 6_000_000, "");
        _deliver(true);
        for (uint256 i = 0; i < ids.length; i++) {
            vm.assertEq(token1.balanceOf(BOB, ids[i]), amounts[i]);
        }
    }

    function test_batchesThatAreMalformedAreRefused() public {
        (uint256[] memory ids, uint256[] memory amounts) = _batch(65);
        _refused(ids, amounts);
        (ids, amounts) = _batch(0);
        _refused(ids, amounts);
        (ids,) = _batch(3);
        (, amounts) = _batch(2);
        _refused(ids, amounts);
        (ids, amounts) = _batch(3);
        ids[2] = ids[1]; // the same twice
        _refused(ids, amounts);
    }

    function _refused(uint256[] memory ids, uint256[] memory amounts) private {
        _as(ALICE);
        vm.expectRevert(ERC1155Bridge.BadBatch.selector);
        multiBridge1.bridgeBatchERC1155To(address(token1), address(image2), ALICE, ids, amounts, GAS, "");
    }

    function test_whatFitsNoPairComesBack(bool up, uint8 which, uint128 amount) public {
        amount = uint128(_bound(amount, 1, type(uint128).max));
        (MoodyMulti local, address remote) = up ? (token2, address(token1)) : (token1, address(token2));
        if (which % 3 == 0) remote = address(0x77);
        if (which % 3 == 1) remote = up ? address(image1) : address(image2);
        if (which % 3 == 1) local = new MoodyMulti(); // the image of another one
        _bridge(up, local, remote, 3, amount);
        _deliver(up);
        _deliver(!up);
        vm.assertEq(local.balanceOf(ALICE, 3), amount);
        vm.assertEq(_side(up).deposits(address(local), remote, 3), 0);
    }

    function test_anImageLeavesForItsOwnOriginalOnly() public {
        _as(ALICE);
        vm.expectRevert(abi.encodeWithSelector(Bridge.UnknownPair.selector, address(image2), address(token2)));
        multiBridge2.bridgeERC1155(address(image2), address(token2), 1, 0, GAS, "");
    }

    function test_nobodySendsAnotherOnesTokens() public {
        token1.mint(ALICE, 1, 1);
        _as(ALICE);
        token1.setApprovalForAll(address(multiBridge1), true);
        vm.expectRevert();
        _as(BOB);
        multiBridge1.bridgeERC1155(address(token1), address(image2), 1, 1, GAS, "");
        _bridge(false, token1, address(image2), 2, 1);
        _deliver(false);
        vm.expectRevert();
        _as(ALICE);
        multiBridge2.bridgeERC1155(address(image2), address(token1), 2, 1, GAS, "");
    }

    function test_aTokenThatTakesAFeeIsRefused() public {
        FeeMulti token = new FeeMulti();
        token.mint(ALICE, 1, 10);
        _as(ALICE);
        token.setApprovalForAll(address(multiBridge1), true);
        _as(ALICE);
        vm.expectRevert(abi.encodeWithSelector(Bridge.InexactTransfer.selector, address(token), 10));
        multiBridge1.bridgeERC1155(address(token), address(image2), 1, 10, GAS, "");
    }

    function test_tokensSentPlainlyAreRefused() public {
        token1.mint(ALICE, 1, 10);
        _as(ALICE);
        vm.expectRevert(ERC1155Bridge.NotBridging.selector);
        token1.safeTransferFrom(ALICE, address(multiBridge1), 1, 10, "");
        (uint256[] memory ids, uint256[] memory amounts) = _batch(1);
        ids[0] = 1;
        _as(ALICE);
        vm.expectRevert(ERC1155Bridge.NotBridging.selector);
        token1.safeBatchTransferFrom(ALICE, address(multiBridge1), ids, amounts, "");
        vm.assertTrue(multiBridge1.supportsInterface(type(IERC1155Receiver).interfaceId));
        vm.assertTrue(multiBridge1.supportsInterface(type(IERC165).interfaceId));
    }

    function test_aReceiverThatCannotTakeThemLeavesThemToAReplay() public {
        token1.mint(ALICE, 1, 10);
        _as(ALICE);
        token1.setApprovalForAll(address(multiBridge1), true);
        _as(ALICE);
        multiBridge1.bridgeERC1155To(address(token1), address(image2), address(token2), 1, 10, GAS, "");
        Message memory m = _lastMessage();
        _deliver(false);
        vm.assertTrue(_failed(m));
        vm.etch(address(token2), ""); // stands for a wallet that learns
        _replay(m);
        vm.assertEq(image2.balanceOf(address(token2), 1), 10);
    }

    function test_aContractMustSayWhoseAddressItMeans() public {
        vm.prank(address(image1), ALICE);
        vm.expectRevert(ERC1155Bridge.NotExternallyOwned.selector);
        multiBridge1.bridgeERC1155(address(token1), address(image2), 1, 1, GAS, "");
    }

    function test_onlyTheOtherBridgeFinalises(address who) public {
        vm.assume(who != address(messenger1) && who != address(messenger2));
        (uint256[] memory ids, uint256[] memory amounts) = _batch(1);
        _as(who);
        vm.expectRevert(ERC1155Bridge.NotOtherBridge.selector);
        multiBridge2.finalizeBridgeERC1155(address(image2), address(token1), ALICE, BOB, ids, amounts, "");
        _as(who);
        vm.expectRevert(ERC1155Bridge.NotOtherBridge.selector);
        multiBridge1.finalizeReturnERC1155(address(token1), address(image2), ALICE, ids, amounts);
    }

    function test_anImageSaysWhatItIs() public {
        vm.assertEq(image2.remoteToken(), address(token1));
        vm.assertEq(image2.bridge(), address(multiBridge2));
        vm.assertEq(image2.remoteChainId(), PARENT_ID);
        vm.assertEq(image2.name(), "Image");
        vm.assertEq(image2.symbol(), "IMG");
        vm.assertTrue(image2.supportsInterface(0xd9b67a26)); // ERC-1155
        vm.assertTrue(image2.supportsInterface(0x0e89341c)); // its metadata
        vm.assertTrue(multiFactory2.isOptimismMintableERC1155(address(image2)));
        vm.assertEq(multiFactory2.REMOTE_CHAIN_ID(), PARENT_ID);
        vm.assertEq(multiFactory1.BRIDGE(), address(multiBridge1));
        OptimismMintableERC1155 image =
            OptimismMintableERC1155(multiFactory2.createOptimismMintableERC1155(address(0xab), "I", "I"));
        vm.assertEq(image.uri(12), "ethereum:0x00000000000000000000000000000000000000ab@1/uri?uint256=12");
    }

    function test_onlyTheBridgeMintsAndBurnsImages(address who) public {
        vm.assume(who != address(multiBridge2));
        (uint256[] memory ids, uint256[] memory amounts) = _batch(1);
        _as(who);
        vm.expectRevert("OptimismMintableERC1155: only bridge can call this function");
        image2.mint(who, ids, amounts);
        _as(who);
        vm.expectRevert("OptimismMintableERC1155: only bridge can call this function");
        image2.burn(who, ids, amounts);
    }
}
