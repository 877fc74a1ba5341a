// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {IERC165} from "@openzeppelin/contracts-shanghai/utils/introspection/IERC165.sol";
import {Bridge} from "../../bridge/Bridge.sol";
import {ERC721Bridge} from "../../bridge/ERC721Bridge.sol";
import {IOptimismMintableERC721} from "../../bridge/IOptimismMintableERC721.sol";
import {OptimismMintableERC721} from "../../bridge/OptimismMintableERC721.sol";
import {HookNft, IHook, MoodyNft, StuckNft} from "./Tokens.sol";
import {World} from "./World.sol";

/// Bridges the same token to a second image from within its transfer to the first.
contract TwiceOwner is IHook {
    ERC721Bridge private immutable bridge;
    address private immutable other;
    bool public entered;
    bytes public refusal;

    constructor(ERC721Bridge bridge_, address other_) {
        (bridge, other) = (bridge_, other_);
    }

    function go(HookNft token, address image, uint256 id) external {
        token.setApprovalForAll(address(bridge), true);
        bridge.bridgeERC721To(address(token), image, address(this), id, 500_000, "");
    }

    function onToken(bool, uint256 id) external {
        if (entered) return;
        entered = true;
        try bridge.bridgeERC721To(msg.sender, other, address(this), id, 500_000, "") {}
        catch (bytes memory reason) {
            refusal = reason;
        }
    }
}

/// Takes tokens only when told to.
contract NftWallet {
    bool public takes;

    function setTakes(bool takes_) external {
        takes = takes_;
    }

    function onERC721Received(address, address, uint256, bytes calldata) external view returns (bytes4) {
        require(takes, "refused");
        return this.onERC721Received.selector;
    }
}

contract ERC721BridgeTest is World {
    address internal constant ALICE = address(0xa11ce);
    address internal constant BOB = address(0xb0b);
    uint32 internal constant GAS = 500_000;

    MoodyNft internal token1;
    OptimismMintableERC721 internal image2;
    MoodyNft internal token2;
    OptimismMintableERC721 internal image1;

    function setUp() public override {
        super.setUp();
        token1 = new MoodyNft();
        token2 = new MoodyNft();
        image2 = OptimismMintableERC721(nftFactory2.createOptimismMintableERC721(address(token1), "Image", "IMG"));
        image1 = OptimismMintableERC721(nftFactory1.createOptimismMintableERC721(address(token2), "Image", "IMG"));
    }

    function _deliver(bool up) private {
        vm.assertTrue(up ? _finalizeLast() : _runDeposit(), "delivery failed");
        _collect();
    }

    function _bridge(bool up, MoodyNft local, address remote, uint256 id, address to) private {
        ERC721Bridge bridge = up ? ERC721Bridge(nftBridge2) : ERC721Bridge(nftBridge1);
        local.mint(ALICE, id);
        _as(ALICE);
        local.approve(address(bridge), id);
        _as(ALICE);
        bridge.bridgeERC721To(address(local), remote, to, id, GAS, "x");
        _collect();
    }

    function test_aTokenOfTheParentGoesDownAndUp(uint256 id) public {
        _bridge(false, token1, address(image2), id, BOB);
        vm.assertTrue(nftBridge1.deposits(address(token1), address(image2), id));
        vm.expectEmit(address(nftBridge2));
        emit ERC721Bridge.ERC721BridgeFinalized(address(image2), address(token1), ALICE, BOB, id, "x");
        _deliver(false);
        vm.assertEq(image2.ownerOf(id), BOB);
        vm.expectEmit(address(nftBridge2));
        emit ERC721Bridge.ERC721BridgeInitiated(address(image2), address(token1), BOB, BOB, id, "y");
        _as(BOB);
        nftBridge2.bridgeERC721(address(image2), address(token1), id, GAS, "y");
        vm.assertEq(image2.totalSupply(), 0);
        _deliver(true);
        vm.assertEq(token1.ownerOf(id), BOB);
        vm.assertFalse(nftBridge1.deposits(address(token1), address(image2), id));
    }

    function test_aTokenOfTheChildGoesUpAndDown(uint256 id) public {
        _bridge(true, token2, address(image1), id, BOB);
        _deliver(true);
        vm.assertEq(image1.ownerOf(id), BOB);
        _as(BOB);
        nftBridge1.bridgeERC721To(address(image1), address(token2), ALICE, id, GAS, "");
        _deliver(false);
        vm.assertEq(token2.ownerOf(id), ALICE);
    }

    function test_onlyItsOwnerSendsAnImageAndOnlyToItsOriginal() public {
        _bridge(false, token1, address(image2), 7, BOB);
        _deliver(false);
        _as(ALICE);
        vm.expectRevert("ERC721Bridge: withdrawal is not being initiated by NFT owner");
        nftBridge2.bridgeERC721(address(image2), address(token1), 7, GAS, "");
        _as(BOB);
        vm.expectRevert(abi.encodeWithSelector(Bridge.UnknownPair.selector, address(image2), address(token2)));
        nftBridge2.bridgeERC721(address(image2), address(token2), 7, GAS, "");
    }

    function test_onlyItsOwnerSendsAnOriginal() public {
        token1.mint(ALICE, 1);
        _as(ALICE);
        token1.setApprovalForAll(address(nftBridge1), true);
        vm.expectRevert();
        _as(BOB);
        nftBridge1.bridgeERC721(address(token1), address(image2), 1, GAS, "");
    }

    function test_aContractMustSayWhoseAddressItMeans() public {
        vm.prank(address(image1), ALICE);
        vm.expectRevert("ERC721Bridge: account is not externally owned");
        nftBridge1.bridgeERC721(address(token1), address(image2), 1, GAS, "");
    }

    function test_whatFitsNoPairComesBack(bool up, uint8 which, uint256 id) public {
        (MoodyNft local, address remote) = up ? (token2, address(token1)) : (token1, address(token2));
        if (which % 3 == 0) remote = address(0x77);
        if (which % 3 == 1) remote = up ? address(image1) : address(image2);
        if (which % 3 == 1) local = new MoodyNft(); // the image of another one
        _bridge(up, local, remote, id, BOB);
        _deliver(up);
        _deliver(!up);
        vm.assertEq(local.ownerOf(id), ALICE);
        vm.assertFalse((up ? ERC721Bridge(nftBridge2) : ERC721Bridge(nftBridge1)).deposits(address(local), remote, id));
        // And it can be sent again, where it belongs.
        _as(ALICE);
        local.approve(up ? address(nftBridge2) : address(nftBridge1), id);
        _as(ALICE);
        (up ? ERC721Bridge(nftBridge2) : ERC721Bridge(nftBridge1)).bridgeERC721(address(local), remote, id, GAS, "");
    }

    function test_aReceiverThatRefusesGetsItByAReplay(bool up) public {
        NftWallet wallet = new NftWallet();
        if (up) _bridge(true, token2, address(image1), 5, address(wallet));
        else _bridge(false, token1, address(image2), 5, address(wallet));
        Message memory m = messages[0];
        _deliver(up);
        vm.assertTrue(_failed(m));
        wallet.setTakes(true);
        _replay(m);
        vm.assertEq((up ? image1 : image2).ownerOf(5), address(wallet));
    }

    function test_aCollectionThatAsksItsOwnerFirstIsTakenOnce() public {
        HookNft token = new HookNft();
        address a = nftFactory2.createOptimismMintableERC721(address(token), "A", "A");
        address b = nftFactory2.createOptimismMintableERC721(address(token), "B", "B");
        TwiceOwner owner = new TwiceOwner(nftBridge1, b);
        token.mint(address(owner), 1);
        owner.go(token, a, 1);
        vm.assertTrue(owner.entered());
        vm.assertEq(owner.refusal(), abi.encodeWithSelector(Bridge.Reentered.selector));
        vm.assertTrue(nftBridge1.deposits(address(token), a, 1));
        vm.assertFalse(nftBridge1.deposits(address(token), b, 1));
    }

    function test_aTokenThatDidNotMoveIsNotTaken() public {
        StuckNft token = new StuckNft();
        token.mint(ALICE, 1);
        _as(ALICE);
        vm.expectRevert(abi.encodeWithSelector(ERC721Bridge.NotReceived.selector, address(token), 1));
        nftBridge1.bridgeERC721(address(token), address(image2), 1, GAS, "");
    }

    function test_anNftIsNoErc20() public {
        token1.mint(ALICE, 1);
        _as(ALICE);
        token1.approve(address(bridge1), 1);
        vm.expectRevert();
        _as(ALICE);
        bridge1.bridgeERC20(address(token1), address(image2), 1, GAS, "");
        vm.assertEq(token1.ownerOf(1), ALICE);
    }

    function test_onlyTheOtherBridgeFinalises(address who) public {
        vm.assume(who != address(messenger1) && who != address(messenger2));
        bytes memory why = "ERC721Bridge: function can only be called from the other bridge";
        _as(who);
        vm.expectRevert(why);
        nftBridge1.finalizeBridgeERC721(address(token1), address(image2), ALICE, BOB, 1, "");
        _as(who);
        vm.expectRevert(why);
        nftBridge2.finalizeReturnERC721(address(image2), address(token1), ALICE, 1);
    }

    function test_anImageSaysWhatItIs() public view {
        vm.assertEq(image2.remoteToken(), address(token1));
        vm.assertEq(image2.REMOTE_TOKEN(), address(token1));
        vm.assertEq(image2.bridge(), address(nftBridge2));
        vm.assertEq(image2.BRIDGE(), address(nftBridge2));
        vm.assertEq(image2.remoteChainId(), PARENT_ID);
        vm.assertEq(image1.REMOTE_CHAIN_ID(), CHILD_ID);
        vm.assertTrue(image2.supportsInterface(type(IERC165).interfaceId));
        vm.assertTrue(image2.supportsInterface(type(IOptimismMintableERC721).interfaceId));
        vm.assertTrue(image2.supportsInterface(0x780e9d63)); // enumerable
        vm.assertTrue(nftFactory2.isOptimismMintableERC721(address(image2)));
        vm.assertEq(nftFactory2.BRIDGE(), address(nftBridge2));
        vm.assertEq(nftFactory2.REMOTE_CHAIN_ID(), PARENT_ID);
        vm.assertEq(nftFactory1.REMOTE_CHAIN_ID(), CHILD_ID);
    }

    function test_anImageNamesItsOriginalsDescription() public {
        OptimismMintableERC721 image =
            OptimismMintableERC721(nftFactory2.createOptimismMintableERC721(address(0xab), "I", "I"));
        token1.mint(ALICE, 12);
        vm.prank(address(nftBridge2), ALICE);
        image.safeMint(BOB, 12);
        vm.assertEq(image.tokenURI(12), "ethereum:0x00000000000000000000000000000000000000ab@1/tokenURI?uint256=12");
    }

    function test_onlyTheBridgeMintsAndBurnsImages(address who) public {
        vm.assume(who != address(nftBridge2));
        _as(who);
        vm.expectRevert("OptimismMintableERC721: only bridge can call this function");
        image2.safeMint(who, 1);
        _as(who);
        vm.expectRevert("OptimismMintableERC721: only bridge can call this function");
        image2.burn(who, 1);
    }
}
