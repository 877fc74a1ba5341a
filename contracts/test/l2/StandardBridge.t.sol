// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {ERC20} from "@openzeppelin/contracts-shanghai/token/ERC20/ERC20.sol";
import {IERC165} from "@openzeppelin/contracts-shanghai/utils/introspection/IERC165.sol";
import {SafeERC20} from "@openzeppelin/contracts-shanghai/token/ERC20/utils/SafeERC20.sol";
import {Bridge} from "../../bridge/Bridge.sol";
import {ILegacyMintableERC20, IOptimismMintableERC20} from "../../bridge/IOptimismMintableERC20.sol";
import {L1StandardBridge} from "../../bridge/L1StandardBridge.sol";
import {MintableERC20Factory} from "../../bridge/MintableERC20Factory.sol";
import {OptimismMintableERC20} from "../../bridge/OptimismMintableERC20.sol";
import {StandardBridge} from "../../bridge/StandardBridge.sol";
import {L2StandardBridge} from "../../l2/L2StandardBridge.sol";
import {Predeploys} from "../../l2/Predeploys.sol";
import {
    FeeToken,
    HookToken,
    IHook,
    Impostor,
    LyingToken,
    MoodyToken,
    PlainToken,
    RebasingToken,
    SilentToken
} from "./Tokens.sol";
import {World} from "./World.sol";

/// An account on either chain whose code may refuse ether.
contract Wallet {
    bool public refuses;

    function setRefuses(bool refuses_) external {
        refuses = refuses_;
    }

    function run(address to, uint256 value, bytes calldata data) external returns (bool success) {
        (success,) = to.call{value: value}(data);
    }

    receive() external payable {
        require(!refuses, "refused");
    }
}

/// Sends ether on as soon as it has it.
contract Forwarder {
    receive() external payable {
        StandardBridge(payable(Predeploys.L2_STANDARD_BRIDGE)).bridgeETHTo{value: msg.value}(address(0xb0b), 50_000, "");
    }
}

/// Bridges again from within the token's hook.
contract HookedOwner is IHook {
    StandardBridge private immutable bridge;
    HookToken private immutable token;
    address private immutable image;
    bool private again;
    bool public reentered;

    constructor(StandardBridge bridge_, HookToken token_, address image_) {
        (bridge, token, image) = (bridge_, token_, image_);
        token.hook();
        token.approve(address(bridge), type(uint256).max);
    }

    function go(uint256 amount, bool again_) external {
        again = again_;
        bridge.bridgeERC20To(address(token), image, address(this), amount, 200_000, "");
    }

    function onToken(bool sending, uint256 amount) external {
        if (!again || !sending) return;
        again = false;
        try bridge.bridgeERC20To(address(token), image, address(this), amount, 200_000, "") {
            reentered = true;
        } catch {}
    }
}

contract StandardBridgeTest is World {
    address internal constant ALICE = address(0xa11ce);
    address internal constant BOB = address(0xb0b);
    uint32 internal constant GAS = 200_000;

    PlainToken internal token1; // at home on the parent
    OptimismMintableERC20 internal image2; // its image on the child
    PlainToken internal token2; // at home on the child
    OptimismMintableERC20 internal image1; // its image on the parent

    function setUp() public override {
        super.setUp();
        token1 = new PlainToken();
        token2 = new PlainToken();
        image2 = OptimismMintableERC20(factory2.createOptimismMintableERC20(address(token1), "Image", "IMG"));
        image1 = OptimismMintableERC20(factory1.createOptimismMintableERC20WithDecimals(address(token2), "I", "I", 6));
        vm.deal(ALICE, 1000 ether);
    }

    function _side(bool up) private view returns (StandardBridge) {
        return up ? StandardBridge(bridge2) : StandardBridge(bridge1);
    }

    function _deliver(bool up) private {
        vm.assertTrue(up ? _finalizeLast() : _runDeposit(), "delivery failed");
        _collect();
    }

    /// Sends tokens of ALICE's to BOB on the other chain.
    function _bridge(bool up, address local, address remote, uint256 amount, uint32 minGas) private {
        StandardBridge bridge = _side(up);
        _as(ALICE);
        (bool success,) = local.call(abi.encodeCall(ERC20.approve, (address(bridge), amount)));
        success; // an impostor knows no allowances
        _as(ALICE);
        bridge.bridgeERC20To(local, remote, BOB, amount, minGas, "x");
        _collect();
    }

    // --- Ether

    function test_etherGoesDownAndUp(uint96 amount) public {
        vm.deal(ALICE, amount);
        _as(ALICE);
        bridge1.bridgeETHTo{value: amount}(BOB, GAS, "x");
        _deliver(false);
        vm.assertEq(BOB.balance, amount);
        _as(BOB);
        bridge2.bridgeETHTo{value: amount}(address(0xca401), GAS, "");
        _deliver(true);
        vm.assertEq(address(0xca401).balance, amount);
        vm.assertEq(address(portal).balance, 0);
    }

    function test_everyNameOfSendingEther() public {
        uint256 before = ALICE.balance;
        _as(ALICE);
        bridge1.bridgeETH{value: 1}(GAS, "");
        _as(ALICE);
        bridge1.depositETH{value: 2}(GAS, "");
        _as(ALICE);
        bridge1.depositETHTo{value: 4}(BOB, GAS, "");
        _as(ALICE);
        (bool success,) = address(bridge1).call{value: 8}("");
        vm.assertTrue(success);
        vm.assertEq(ALICE.balance, before - 15);
        _runDeposits();
        vm.assertEq(ALICE.balance, before - 15 + 11);
        vm.assertEq(BOB.balance, 4);

        _as(ALICE);
        bridge2.bridgeETH{value: 1}(GAS, "");
        _as(ALICE);
        bridge2.withdraw{value: 2}(Predeploys.LEGACY_ERC20_ETH, 2, GAS, "");
        _as(ALICE);
        bridge2.withdrawTo{value: 4}(Predeploys.LEGACY_ERC20_ETH, BOB, 4, GAS, "");
        _as(ALICE);
        (success,) = address(bridge2).call{value: 8}("");
        vm.assertTrue(success);
        _collect();
        for (uint256 i = 0; i < 4; i++) {
            vm.assertTrue(_finalize(i));
        }
        vm.assertEq(ALICE.balance, before - 8); // what BOB has, on both chains, was ALICE's
        vm.assertEq(BOB.balance, 8);
    }

    function test_theEventsOfEtherAreOPs() public {
        vm.expectEmit(address(bridge1));
        emit L1StandardBridge.ETHDepositInitiated(ALICE, BOB, 3, "x");
        vm.expectEmit(address(bridge1));
        emit StandardBridge.ETHBridgeInitiated(ALICE, BOB, 3, "x");
        _as(ALICE);
        bridge1.bridgeETHTo{value: 3}(BOB, GAS, "x");
        vm.expectEmit(address(bridge2));
        emit L2StandardBridge.DepositFinalized(address(0), Predeploys.LEGACY_ERC20_ETH, ALICE, BOB, 3, "x");
        vm.expectEmit(address(bridge2));
        emit StandardBridge.ETHBridgeFinalized(ALICE, BOB, 3, "x");
        _deliver(false);

        vm.expectEmit(address(bridge2));
        emit L2StandardBridge.WithdrawalInitiated(address(0), Predeploys.LEGACY_ERC20_ETH, BOB, ALICE, 3, "y");
        vm.expectEmit(address(bridge2));
        emit StandardBridge.ETHBridgeInitiated(BOB, ALICE, 3, "y");
        _as(BOB);
        bridge2.bridgeETHTo{value: 3}(ALICE, GAS, "y");
        vm.expectEmit(address(bridge1));
        emit L1StandardBridge.ETHWithdrawalFinalized(BOB, ALICE, 3, "y");
        vm.expectEmit(address(bridge1));
        emit StandardBridge.ETHBridgeFinalized(BOB, ALICE, 3, "y");
        _deliver(true);
    }

    function test_etherThatIsRefusedWaitsForAReplay(bool up) public {
        vm.deal(address(portal), 1 ether);
        Wallet wallet = new Wallet();
        wallet.setRefuses(true);
        _as(ALICE);
        _side(up).bridgeETHTo{value: 1 ether}(address(wallet), GAS, "");
        Message memory m = _lastMessage();
        _deliver(up);
        vm.assertTrue(_failed(m));
        wallet.setRefuses(false);
        _replay(m);
        vm.assertEq(address(wallet).balance, 1 ether);
    }

    function test_etherCanBeSentOnFromWithinItsArrival() public {
        _as(ALICE);
        bridge1.bridgeETHTo{value: 1 ether}(address(new Forwarder()), 600_000, "");
        _deliver(false);
        _deliver(true);
        vm.assertEq(BOB.balance, 1 ether);
    }

    function test_aContractMustSayWhoseAddressItMeans() public {
        Wallet wallet = new Wallet();
        vm.deal(address(wallet), 1 ether);
        StandardBridge[2] memory bridges = [StandardBridge(bridge1), StandardBridge(bridge2)];
        for (uint256 i = 0; i < 2; i++) {
            address b = address(bridges[i]);
            vm.assertFalse(wallet.run(b, 1, ""));
            vm.assertFalse(wallet.run(b, 1, abi.encodeCall(StandardBridge.bridgeETH, (GAS, ""))));
            vm.assertFalse(
                wallet.run(
                    b, 0, abi.encodeCall(StandardBridge.bridgeERC20, (address(token1), address(image2), 0, GAS, ""))
                )
            );
            vm.assertTrue(wallet.run(b, 1, abi.encodeCall(StandardBridge.bridgeETHTo, (BOB, GAS, ""))));
        }
    }

    function test_anAccountThatDelegatesItsCodeIsAnAccountStill() public {
        address delegating = address(0xde1e);
        vm.etch(delegating, abi.encodePacked(hex"ef0100", address(new Wallet())));
        vm.deal(delegating, 1 ether);
        vm.prank(delegating, BOB); // sponsored: someone else's transaction
        bridge1.bridgeETH{value: 1}(GAS, "");
        vm.etch(delegating, new bytes(23));
        vm.prank(delegating, BOB);
        vm.expectRevert("StandardBridge: function can only be called from an EOA");
        bridge1.bridgeETH{value: 1}(GAS, "");
    }

    function test_recipientsThatCannotBePaidAreRefusedAtOnce() public {
        address[2] memory down = [address(bridge2), address(messenger2)];
        address[2] memory up = [address(bridge1), address(messenger1)];
        for (uint256 i = 0; i < 2; i++) {
            vm.expectRevert(abi.encodeWithSelector(Bridge.UnsafeRecipient.selector, down[i]));
            bridge1.bridgeETHTo(down[i], GAS, "");
            vm.expectRevert(abi.encodeWithSelector(Bridge.UnsafeRecipient.selector, up[i]));
            bridge2.bridgeETHTo(up[i], GAS, "");
            vm.expectRevert(abi.encodeWithSelector(Bridge.UnsafeRecipient.selector, down[i]));
            bridge1.bridgeERC20To(address(token1), address(image2), down[i], 0, GAS, "");
        }
        vm.expectRevert(Bridge.ZeroRecipient.selector);
        bridge1.bridgeETHTo(address(0), GAS, "");
        vm.expectRevert(Bridge.ZeroRecipient.selector);
        bridge2.bridgeERC20To(address(image2), address(token1), address(0), 0, GAS, "");
    }

    function test_valueAndAmountMustAgree() public {
        _as(ALICE);
        vm.expectRevert("StandardBridge: bridging ETH must include sufficient ETH value");
        bridge2.withdraw{value: 1}(Predeploys.LEGACY_ERC20_ETH, 2, GAS, "");
        _as(ALICE);
        vm.expectRevert("StandardBridge: cannot send value");
        bridge2.withdraw{value: 1}(address(image2), 0, GAS, "");
    }

    function test_onlyTheOtherBridgeFinalises(address who) public {
        vm.assume(who != address(messenger1) && who != address(messenger2));
        string memory why = "StandardBridge: function can only be called from the other bridge";
        _as(who);
        vm.expectRevert(bytes(why));
        bridge1.finalizeBridgeETH(ALICE, BOB, 0, "");
        _as(who);
        vm.expectRevert(bytes(why));
        bridge2.finalizeBridgeERC20(address(image2), address(token1), ALICE, BOB, 1, "");
        _as(who);
        vm.expectRevert(bytes(why));
        bridge2.finalizeReturnERC20(address(image2), address(token1), ALICE, 1);
        // Nor does a message of anyone else's.
        _as(ALICE);
        messenger1.sendMessage(
            address(bridge2),
            abi.encodeCall(bridge2.finalizeBridgeERC20, (address(image2), address(token1), ALICE, BOB, 1, "")),
            GAS
        );
        Message memory m = _lastMessage();
        _deliver(false);
        vm.assertTrue(_failed(m));
        vm.assertEq(image2.totalSupply(), 0);
    }

    // --- Tokens

    function test_aTokenOfTheParentGoesDownAndUp(uint256 amount) public {
        token1.mint(ALICE, amount);
        _bridge(false, address(token1), address(image2), amount, GAS);
        vm.assertEq(bridge1.deposits(address(token1), address(image2)), amount);
        _deliver(false);
        vm.assertEq(image2.balanceOf(BOB), amount);

        _as(BOB);
        bridge2.withdrawTo(address(image2), ALICE, amount, GAS, "");
        vm.assertEq(image2.totalSupply(), 0);
        _deliver(true);
        vm.assertEq(token1.balanceOf(ALICE), amount);
        vm.assertEq(bridge1.deposits(address(token1), address(image2)), 0);
    }

    function test_aTokenOfTheChildGoesUpAndDown(uint256 amount) public {
        token2.mint(ALICE, amount);
        _bridge(true, address(token2), address(image1), amount, GAS);
        _deliver(true);
        vm.assertEq(image1.balanceOf(BOB), amount);
        vm.assertEq(bridge2.deposits(address(token2), address(image1)), amount);

        _as(BOB);
        bridge1.bridgeERC20(address(image1), address(token2), amount, GAS, "");
        vm.assertEq(image1.totalSupply(), 0);
        _deliver(false);
        vm.assertEq(token2.balanceOf(BOB), amount);
    }

    function test_everyNameOfSendingTokens() public {
        token1.mint(ALICE, 15);
        _as(ALICE);
        token1.approve(address(bridge1), 15);
        _as(ALICE);
        bridge1.bridgeERC20(address(token1), address(image2), 1, GAS, "");
        _as(ALICE);
        bridge1.bridgeERC20To(address(token1), address(image2), ALICE, 2, GAS, "");
        _as(ALICE);
        bridge1.depositERC20(address(token1), address(image2), 4, GAS, "");
        _as(ALICE);
        bridge1.depositERC20To(address(token1), address(image2), ALICE, 8, GAS, "");
        _runDeposits();
        vm.assertEq(image2.balanceOf(ALICE), 15);
        _as(ALICE);
        bridge2.withdraw(address(image2), 15, GAS, "");
        _deliver(true);
        vm.assertEq(token1.balanceOf(ALICE), 15);
    }

    function test_theEventsOfTokensAreOPs() public {
        token1.mint(ALICE, 3);
        _as(ALICE);
        token1.approve(address(bridge1), 3);
        (address t, address i) = (address(token1), address(image2));
        vm.expectEmit(address(bridge1));
        emit L1StandardBridge.ERC20DepositInitiated(t, i, ALICE, BOB, 3, "x");
        vm.expectEmit(address(bridge1));
        emit StandardBridge.ERC20BridgeInitiated(t, i, ALICE, BOB, 3, "x");
        _as(ALICE);
        bridge1.bridgeERC20To(t, i, BOB, 3, GAS, "x");
        vm.expectEmit(i);
        emit OptimismMintableERC20.Mint(BOB, 3);
        vm.expectEmit(address(bridge2));
        emit L2StandardBridge.DepositFinalized(t, i, ALICE, BOB, 3, "x");
        vm.expectEmit(address(bridge2));
        emit StandardBridge.ERC20BridgeFinalized(i, t, ALICE, BOB, 3, "x");
        _deliver(false);

        vm.expectEmit(i);
        emit OptimismMintableERC20.Burn(BOB, 3);
        vm.expectEmit(address(bridge2));
        emit L2StandardBridge.WithdrawalInitiated(t, i, BOB, BOB, 3, "y");
        vm.expectEmit(address(bridge2));
        emit StandardBridge.ERC20BridgeInitiated(i, t, BOB, BOB, 3, "y");
        _as(BOB);
        bridge2.withdraw(i, 3, GAS, "y");
        vm.expectEmit(address(bridge1));
        emit L1StandardBridge.ERC20WithdrawalFinalized(t, i, BOB, BOB, 3, "y");
        vm.expectEmit(address(bridge1));
        emit StandardBridge.ERC20BridgeFinalized(t, i, BOB, BOB, 3, "y");
        _deliver(true);
    }

    function test_nobodySendsAnotherOnesTokens() public {
        token1.mint(ALICE, 1);
        _as(ALICE);
        token1.approve(address(bridge1), 1);
        vm.expectRevert();
        _as(BOB);
        bridge1.bridgeERC20(address(token1), address(image2), 1, GAS, "");
    }

    /// An L3: the parent is an L2, and the token an image there, of another bridge's.
    function test_theImageOfAnotherBridgeIsATokenLikeAnyOther() public {
        OptimismMintableERC20 foreign =
            new OptimismMintableERC20(address(this), address(0x1234), "Image of the L1's", "IMG", 18);
        address image = factory2.createOptimismMintableERC20(address(foreign), "Image of an image", "IMG");
        foreign.mint(ALICE, 7);
        _bridge(false, address(foreign), image, 7, GAS);
        _deliver(false);
        vm.assertEq(OptimismMintableERC20(image).balanceOf(BOB), 7);
        _as(BOB);
        bridge2.withdraw(image, 7, GAS, "");
        _deliver(true);
        vm.assertEq(foreign.balanceOf(BOB), 7);
    }

    // --- Tokens that are not standard

    function test_aTokenThatReturnsNothingIsFine() public {
        SilentToken token = new SilentToken();
        address image = factory2.createStandardL2Token(address(token), "S", "S");
        token.mint(ALICE, 5);
        _bridge(false, address(token), image, 5, GAS);
        _deliver(false);
        _as(BOB);
        bridge2.withdraw(image, 5, GAS, "");
        _deliver(true);
        vm.assertEq(token.balanceOf(BOB), 5);
    }

    function test_aTokenThatSaysFalseHasFailed() public {
        MoodyToken token = new MoodyToken();
        address image = factory2.createOptimismMintableERC20(address(token), "M", "M");
        token.mint(ALICE, 10);
        _bridge(false, address(token), image, 5, GAS);
        _deliver(false);
        token.setRefuses(true);
        _as(ALICE);
        vm.expectRevert(abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(token)));
        bridge1.bridgeERC20(address(token), image, 5, GAS, "");
        _as(BOB);
        bridge2.withdraw(image, 5, GAS, "");
        Message memory m = _lastMessage();
        _deliver(true);
        vm.assertTrue(_failed(m));
        vm.assertEq(bridge1.deposits(address(token), image), 5);
        token.setRefuses(false);
        _replay(m);
        vm.assertEq(token.balanceOf(BOB), 5);
    }

    function test_aTokenThatTakesAFeeIsRefused() public {
        FeeToken token = new FeeToken();
        token.mint(ALICE, 1000);
        _as(ALICE);
        token.approve(address(bridge1), 1000);
        _as(ALICE);
        vm.expectRevert(abi.encodeWithSelector(Bridge.InexactTransfer.selector, address(token), 200));
        bridge1.bridgeERC20(address(token), address(image2), 200, GAS, "");
        vm.assertEq(token.balanceOf(ALICE), 1000);
    }

    /// A fee that begins later: the recipient's own loss, or, taken from the escrow, a refusal.
    function test_aFeeThatBeginsLaterNeverTouchesTheEscrowOfOthers() public {
        FeeToken token = new FeeToken();
        token.set(false, true);
        address image = factory2.createOptimismMintableERC20(address(token), "F", "F");
        token.mint(ALICE, 1000);
        _bridge(false, address(token), image, 1000, GAS);
        _deliver(false);
        for (uint256 i = 0; i < 2; i++) {
            _as(BOB);
            bridge2.withdraw(image, 200, GAS, "");
        }
        _collect();
        token.set(true, false);
        vm.assertTrue(_finalize(0));
        vm.assertTrue(_failed(messages[1]));
        vm.assertEq(token.balanceOf(address(bridge1)), 1000);
        token.set(false, false);
        vm.assertTrue(_finalize(1));
        vm.assertEq(token.balanceOf(BOB), 198);
        vm.assertEq(token.balanceOf(address(bridge1)), 800);
        vm.assertEq(bridge1.deposits(address(token), image), 800);
    }

    function test_aTokenThatRebasesIsRefusedWhenItsSharesDoNotDivide() public {
        RebasingToken token = new RebasingToken();
        token.mint(ALICE, 1000);
        token.setFactor(107);
        _as(ALICE);
        vm.expectRevert(abi.encodeWithSelector(Bridge.InexactTransfer.selector, address(token), 100));
        bridge1.bridgeERC20To(address(token), address(image2), BOB, 100, GAS, "");
    }

    function test_aTokenThatLiesHarmsItsOwnPairsOnly() public {
        LyingToken token = new LyingToken();
        token1.mint(ALICE, 100);
        _bridge(false, address(token1), address(image2), 100, GAS);
        _runDeposits();
        address image = factory2.createOptimismMintableERC20(address(token), "L", "L");
        _bridge(false, address(token), image, type(uint128).max, GAS); // believed, and worth nothing
        _bridge(false, address(token), address(image2), 100, GAS); // posing as the other's original: sent back
        _runDeposits();
        vm.assertEq(image2.totalSupply(), 100);
        vm.assertEq(token1.balanceOf(address(bridge1)), 100);
        vm.assertEq(bridge1.deposits(address(token1), image), 0);
    }

    // --- Pairs that are wrong

    function test_anImageLeavesForItsOwnOriginalOnly() public {
        token1.mint(ALICE, 1);
        _bridge(false, address(token1), address(image2), 1, GAS);
        _deliver(false);
        _as(BOB);
        vm.expectRevert("StandardBridge: wrong remote token for Optimism Mintable ERC20 local token");
        bridge2.bridgeERC20(address(image2), address(token2), 1, GAS, "");
    }

    /// Remote tokens of no use: no contract, no token, another one's image, and the child's ether.
    function test_whatFitsNoPairOnTheChildComesBack(uint8 which, uint128 amount) public {
        amount = uint128(_bound(amount, 1, type(uint128).max));
        address image1of2 = factory2.createOptimismMintableERC20(address(0xdead), "Other", "OTH");
        address[4] memory wrong = [address(0x77), address(token2), image1of2, Predeploys.LEGACY_ERC20_ETH];
        address remote = wrong[which % 4];
        token1.mint(ALICE, amount);
        _bridge(false, address(token1), remote, amount, 500_000);
        vm.expectEmit(address(bridge2));
        emit StandardBridge.ERC20BridgeReturned(remote, address(token1), ALICE, BOB, amount, "x");
        _deliver(false);
        vm.expectEmit(address(bridge1));
        emit StandardBridge.ERC20BridgeFinalized(address(token1), remote, ALICE, ALICE, amount, "");
        _deliver(true);
        vm.assertEq(token1.balanceOf(ALICE), amount);
        vm.assertEq(token1.balanceOf(address(bridge1)), 0);
        vm.assertEq(bridge1.deposits(address(token1), remote), 0);
    }

    function test_whatFitsNoPairOnTheParentComesBack(uint8 which, uint128 amount) public {
        amount = uint128(_bound(amount, 1, type(uint128).max));
        address other = factory1.createOptimismMintableERC20(address(0xdead), "Other", "OTH");
        address[3] memory wrong = [address(0x77), address(token1), other];
        address remote = wrong[which % 3];
        token2.mint(ALICE, amount);
        _bridge(true, address(token2), remote, amount, 500_000);
        _deliver(true);
        vm.assertEq(token2.balanceOf(ALICE), 0);
        _deliver(false);
        vm.assertEq(token2.balanceOf(ALICE), amount);
        vm.assertEq(bridge2.deposits(address(token2), remote), 0);
    }

    function test_withTooLittleGasToComeBackItWaitsForAReplay(uint32 minGas) public {
        minGas = uint32(_bound(minGas, 0, 100_000));
        token1.mint(ALICE, 9);
        _bridge(false, address(token1), address(0x77), 9, minGas);
        Message memory m = messages[0];
        _deliver(false);
        if (_failed(m)) _replay(m);
        vm.assertTrue(_succeeded(m));
        _deliver(true);
        vm.assertEq(token1.balanceOf(ALICE), 9);
    }

    /// With any gas that a relayer may choose, good tokens are credited or wait; they never come back.
    function test_noRelayerTurnsAGoodDepositBack(uint256 gas_) public {
        token1.mint(ALICE, 9);
        _bridge(false, address(token1), address(image2), 9, 0);
        Message memory m = messages[0];
        _runDeposit();
        bytes memory data = _encode(m);
        if (_failed(m)) {
            gas_ = _bound(gas_, 0, 400_000);
            (bool success,) = address(messenger2).call{gas: gas_}(data);
            success;
            _collect();
        }
        vm.assertEq(withdrawals.length, 0);
        vm.assertTrue(_succeeded(m) ? image2.balanceOf(BOB) == 9 : _failed(m));
    }

    /// The original changes sides while its tokens are on their way: they wait until it changes back.
    function test_whatComesBackToAChangedTokenIsNotSentAgain() public {
        Impostor impostor = new Impostor(address(0x77), address(bridge1));
        _bridge(false, address(impostor), address(0x77), 5, 500_000);
        _deliver(false);
        impostor.set(address(0x78), true);
        Message memory m = _lastMessage();
        _deliver(true);
        vm.assertTrue(_failed(m));
        vm.assertEq(portal.depositCount(), 1);
        impostor.set(address(0x77), true);
        _replay(m);
        vm.assertEq(impostor.minted(), 5);
    }

    function test_anImpostorReleasesNothing() public {
        token1.mint(ALICE, 100);
        _bridge(false, address(token1), address(image2), 100, GAS);
        _deliver(false);
        Impostor impostor = new Impostor(address(token1), address(bridge2));
        _bridge(true, address(impostor), address(token1), 100, 500_000);
        _deliver(true);
        vm.assertEq(token1.balanceOf(address(bridge1)), 100);
        _deliver(false);
        vm.assertEq(impostor.minted(), 100); // its own coin, back where it came from
    }

    // --- Reentrancy

    function test_aTokenIsNotTakenWithinItsOwnTaking() public {
        HookToken token = new HookToken();
        address image = factory2.createOptimismMintableERC20(address(token), "H", "H");
        HookedOwner owner = new HookedOwner(bridge1, token, image);
        token.mint(address(owner), 100);
        owner.go(10, true);
        vm.assertFalse(owner.reentered());
        owner.go(10, false);
        _runDeposits();
        vm.assertEq(OptimismMintableERC20(image).totalSupply(), 20);
        vm.assertEq(token.balanceOf(address(bridge1)), 20);
        vm.assertEq(bridge1.deposits(address(token), image), 20);
    }

    // --- Images

    function test_anImageSaysWhatItIs() public view {
        vm.assertEq(image2.l1Token(), address(token1));
        vm.assertEq(image2.remoteToken(), address(token1));
        vm.assertEq(image2.REMOTE_TOKEN(), address(token1));
        vm.assertEq(image2.l2Bridge(), address(bridge2));
        vm.assertEq(image2.bridge(), address(bridge2));
        vm.assertEq(image2.BRIDGE(), address(bridge2));
        vm.assertEq(image2.decimals(), 18);
        vm.assertEq(image1.decimals(), 6);
        vm.assertEq(image1.BRIDGE(), address(bridge1));
        vm.assertTrue(image2.supportsInterface(type(IERC165).interfaceId));
        vm.assertTrue(image2.supportsInterface(0xec4fc8e3)); // OP's IOptimismMintableERC20
        vm.assertTrue(image2.supportsInterface(0x1d1d8b63)); // OP's ILegacyMintableERC20
        vm.assertFalse(image2.supportsInterface(0xffffffff));
        vm.assertEq(bytes32(type(IOptimismMintableERC20).interfaceId), bytes32(bytes4(0xec4fc8e3)));
        vm.assertEq(bytes32(type(ILegacyMintableERC20).interfaceId), bytes32(bytes4(0x1d1d8b63)));
    }

    function test_onlyTheBridgeMintsAndBurnsImages(address who) public {
        vm.assume(who != address(bridge2));
        _as(who);
        vm.expectRevert("OptimismMintableERC20: only bridge can mint and burn");
        image2.mint(who, 1);
        _as(who);
        vm.expectRevert("OptimismMintableERC20: only bridge can mint and burn");
        image2.burn(who, 0);
    }

    function test_imagesTakePermits() public {
        uint256 key = 0xa11ce;
        address owner = vm.addr(key);
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"),
                owner,
                BOB,
                7,
                0,
                type(uint256).max
            )
        );
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", image2.DOMAIN_SEPARATOR(), structHash));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        image2.permit(owner, BOB, 7, type(uint256).max, v, r, s);
        vm.assertEq(image2.allowance(owner, BOB), 7);
    }

    function test_theFactoryTellsWhatItMade() public {
        vm.assertEq(factory2.deployments(address(image2)), address(token1));
        vm.assertEq(factory2.deployments(address(token1)), address(0));
        vm.assertEq(factory2.bridge(), factory2.BRIDGE());
        vm.expectRevert("OptimismMintableERC20Factory: must provide remote token address");
        factory2.createOptimismMintableERC20(address(0), "", "");
        vm.expectRevert(); // the same image again; a collision takes all the gas
        factory2.createOptimismMintableERC20{gas: 2_000_000}(address(token1), "Image", "IMG");
    }

    function test_theBridgesKnowEachOther() public view {
        vm.assertEq(bridge1.otherBridge(), address(bridge2));
        vm.assertEq(bridge2.otherBridge(), address(bridge1));
        vm.assertEq(bridge1.OTHER_BRIDGE(), bridge1.l2TokenBridge());
        vm.assertEq(bridge2.OTHER_BRIDGE(), bridge2.l1TokenBridge());
        vm.assertEq(address(bridge1.MESSENGER()), address(messenger1));
        vm.assertEq(address(bridge2.MESSENGER()), address(messenger2));
    }
}
